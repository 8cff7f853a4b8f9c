/* The exit codes of the process; 0 is "was asked to stop", or "done". sysexits.h knows most of the
 * names. */
#pragma once

enum broker_exit {
        BROKER_EXIT_REFUSED = 65,     /* --explain: the gateway would not pass that on */
        BROKER_EXIT_NO_KEY = 66,      /* --once, --try-key: there is no access key */
        BROKER_EXIT_KEY_REFUSED = 67, /* likewise: the upstream refused the key, or all keys */
        BROKER_EXIT_UNAVAILABLE = 69, /* cannot listen */
        BROKER_EXIT_INTERNAL = 70,
        BROKER_EXIT_TRY_LATER = 75, /* --once, --try-key: no upstream, or it asks for patience */
        BROKER_EXIT_ODD_ANSWER =
                76, /* likewise: an answer that is nonsense, or finds fault with our request */
        BROKER_EXIT_PERMISSION = 77,
        BROKER_EXIT_CONFIGURATION = 78,
        BROKER_EXIT_SIGNAL = 128, /* --once, --try-key: ended by a signal, whose number is added */
};
