/* How a store is. */
#include "lib/store_state.h"

#include "lib/util.h"

struct words {
        const char *name;
        const char *text;
        const char *cure;
};

static const struct words states[_STORE_STATE_COUNT] = {
        [STORE_FINE] = { "fine", "it answers", "" },
        [STORE_SILENT] = { "silent", "it gave no whole answer in time",
                           "See whether it is overloaded or stopped, and what lies between; its address in "
                           "[share] store begins with redis:// if it speaks no TLS." },
        [STORE_UNREACHABLE] = { "unreachable", "there is no connection to it",
                                "Check that it runs, firewalls, and its address in [share] store, which "
                                "begins with rediss:// if it speaks TLS." },
        [STORE_UNTRUSTED] = { "untrusted", "its certificate does not prove that it is this store",
                              "Check ca_file, and the host's name in [share] store, which begins with "
                              "redis:// if it speaks no TLS." },
        [STORE_NO_LOGIN] = { "no_login", "it refuses the user, the password, or a command",
                             "Check username and password_file in [share]; the user needs the commands "
                             "MULTI, EXEC, TIME, GET, SET, DEL, PTTL, PEXPIRE and PEXPIREAT on eqp1:*." },
        [STORE_READ_ONLY] = { "read_only", "it is a replica, or has too few replicas to take writes",
                              "Name the primary in [share] store, or all of them, one a line." },
        [STORE_FULL] = { "full", "it has no memory left and evicts nothing",
                         "Raise its maxmemory, or set maxmemory-policy to one that evicts." },
        [STORE_MOVED] = { "moved", "it is one node of a Cluster, and the names belong to another",
                          "Name a store of its own in [share] store, or every node, one a line." },
        [STORE_LOADING] = { "loading", "it is starting, or busy", "Wait, and see its log if it stays so." },
        [STORE_NOT_SAVING] = { "not_saving", "it takes no writes because it cannot save them",
                               "See its log: its disk may be full." },
        [STORE_REFUSED] = { "refused", "it answers with an error", "See its log, and its version." },
        [STORE_NONSENSE] = { "nonsense", "its answer is none of a Valkey or Redis",
                             "Check that [share] store names a Valkey or Redis, and rediss:// if it "
                             "speaks TLS." },
};

struct meaning {
        const char *word;
        enum store_state state;
};

static const struct meaning meanings[] = {
        { "NOAUTH", STORE_NO_LOGIN },    { "WRONGPASS", STORE_NO_LOGIN }, { "NOPERM", STORE_NO_LOGIN },
        { "DENIED", STORE_NO_LOGIN },    { "READONLY", STORE_READ_ONLY }, { "NOREPLICAS", STORE_READ_ONLY },
        { "OOM", STORE_FULL },           { "MOVED", STORE_MOVED },        { "ASK", STORE_MOVED },
        { "CLUSTERDOWN", STORE_MOVED },  { "CROSSSLOT", STORE_MOVED },    { "TRYAGAIN", STORE_MOVED },
        { "LOADING", STORE_LOADING },    { "MASTERDOWN", STORE_LOADING }, { "BUSY", STORE_LOADING },
        { "MISCONF", STORE_NOT_SAVING }, { "EXECABORT", STORE_REFUSED },  { "WRONGTYPE", STORE_REFUSED },
        { "ERR", STORE_REFUSED },
};

const char *store_state_name(enum store_state state)
{
        return states[state].name;
}

const char *store_state_text(enum store_state state)
{
        return states[state].text;
}

const char *store_state_cure(enum store_state state)
{
        return states[state].cure;
}

enum store_state store_state_of_error(const char *text, size_t length, const char **ret_word)
{
        const char *space = memchr(text, ' ', length);
        size_t n_word = space ? (size_t)(space - text) : length;

        for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
                if (strlen(meanings[i].word) == n_word && memcmp(text, meanings[i].word, n_word) == 0) {
                        *ret_word = meanings[i].word;
                        return meanings[i].state;
                }
        }
        *ret_word = "";
        return STORE_REFUSED;
}
