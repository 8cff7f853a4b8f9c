/* Bodies of uploads, as libraries and people write them, in pieces of every size. */
#include "lib/util.h"
#include "simulator/portal/multipart.h"
#include "simulator/portal/multipart_head.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

/* The parts that came, as text: "name|filename|content type:bytes;" for each part. */
struct story {
        char text[4096];
        size_t used;
};

static void tell(struct story *story, const char *bytes, size_t size)
{
        assert_true(story->used + size < sizeof(story->text));
        memcpy(story->text + story->used, bytes, size);
        story->used += size;
        story->text[story->used] = '\0';
}

static int on_begin(const struct multipart_part *part, void *userdata)
{
        char text[3 * MULTIPART_TEXT_MAX + 8];

        (void)snprintf(text, sizeof(text), "%s|%s|%s:", part->name, part->filename, part->content_type);
        tell(userdata, text, strlen(text));
        return 0;
}

static int on_data(const char *bytes, size_t size, void *userdata)
{
        assert_true(size > 0);
        tell(userdata, bytes, size);
        return 0;
}

static int on_end(void *userdata)
{
        tell(userdata, ";", 1);
        return 0;
}

static const struct multipart_handlers handlers = { on_begin, on_data, on_end };

/* Reads the body in pieces of so many bytes. Returns what the reader said. */
static int read_in_pieces(const char *body, size_t size, size_t piece, struct story *story,
                          bool *ret_complete)
{
        struct multipart *multipart;
        int r = 0;

        *story = (struct story){ 0 };
        assert_int_equal(multipart_new(&multipart, "XX", &handlers, story), 0);
        for (size_t i = 0; r == 0 && i < size; i += piece) {
                r = multipart_read(multipart, body + i, MIN_OF(piece, size - i));
        }
        *ret_complete = multipart_is_complete(multipart);
        multipart_free(multipart);
        return r;
}

/* `expected` is NULL for a body that never ends. */
static void expect(const char *body, const char *expected)
{
        struct story story;
        bool complete;

        for (size_t piece = 1; piece <= strlen(body); piece++) {
                assert_int_equal(read_in_pieces(body, strlen(body), piece, &story, &complete), 0);
                assert_int_equal(complete, expected != NULL);
                if (expected) {
                        assert_string_equal(story.text, expected);
                }
        }
}

static void expect_error(const char *body, int error)
{
        struct story story;
        bool complete;

        for (size_t piece = 1; piece <= strlen(body); piece++) {
                assert_int_equal(read_in_pieces(body, strlen(body), piece, &story, &complete), error);
        }
}

#define HEAD                                                                                                \
        "Content-Disposition: form-data; name=\"file[]\"; filename=\"a.zip\"\r\nContent-Type: "             \
        "application/zip\r\n\r\n"
#define TOLD "file[]|a.zip|application/zip:"

static void test_as_libraries_write_it(void **state)
{
        expect("--XX\r\n" HEAD "bytes\r\n--XX--\r\n", TOLD "bytes;");
        expect("--XX\r\n" HEAD "one\r\n--XX\r\n" HEAD "two\r\n--XX--", TOLD "one;" TOLD "two;");
        expect("--XX\r\n" HEAD "\r\n--XX--\r\n", TOLD ";");
        expect("preamble\r\n--XX \t\r\n" HEAD "bytes\r\n--XX--\r\nepilogue\r\n--XX\r\n", TOLD "bytes;");
        expect("--XX\r\nContent-Length: 5\r\nX-Other:\r\n" HEAD "bytes\r\n--XX--", TOLD "bytes;");
}

static void test_as_people_write_it(void **state)
{
        expect("--XX\nContent-Disposition: form-data; name=\"file[]\"; filename=\"a.zip\"\n"
               "Content-Type: application/zip\n\nbytes\n--XX--\n",
               TOLD "bytes;");
        /* The last byte of a file may be a carriage return. */
        expect("--XX\ncontent-disposition:form-data;name=file[];filename=a.zip\n\nbytes\r\n--XX--",
               "file[]|a.zip|:bytes\r;");
        /* printf for the heads, cat for the file. */
        expect("--XX\r\n" HEAD "bytes\n--XX--\n", TOLD "bytes;");
}

static void test_bytes_like_an_end(void **state)
{
        expect("--XX\r\n" HEAD "a\r\r\n-\r\n--X\r\n--XY\n--XX-\r\n--XXa\r\nb--XX--\r\n--XX--",
               TOLD "a\r\r\n-\r\n--X\r\n--XY\n--XX-\r\n--XXa\r\nb--XX--;");
        expect("--XX\r\n" HEAD "\n\n\r\r\n\r\n\r\n--XX--", TOLD "\n\n\r\r\n\r\n;");
        expect("--XX\r\n" HEAD "a\r\n--XX                 \r\n--XX \rb\r\n--XX--",
               TOLD "a\r\n--XX                 \r\n--XX \rb;");
        expect("--XX--", "");
}

static void test_a_part_that_never_ends(void **state)
{
        expect("--XX\r\n" HEAD "bytes\r\n", NULL);
        expect("--XX\r\n" HEAD "bytes\r\n--XX", NULL);
        expect("--XX\r\n" HEAD "bytes\r\n--XX-", NULL);
        expect("--XX\r\nContent-", NULL);
        expect("no boundary at all", NULL);
}

static void test_heads_that_are_none(void **state)
{
        char line[4096];

        expect_error("--XX\r\nno colon\r\n\r\n", -EBADMSG);
        expect_error("--XX\r\n: x\r\n\r\n", -EBADMSG);
        expect_error("--XX\r\nA: b\r\n folded\r\n\r\n", -EBADMSG);
        expect_error("--XX\r\nContent-Disposition: form-data; name=\"x\r\n\r\n", -EBADMSG);

        (void)snprintf(line, sizeof(line), "--XX\r\nX: %03000d\r\n\r\n", 0);
        expect_error(line, -E2BIG);
        (void)snprintf(line, sizeof(line), "--XX\r\nContent-Disposition: form-data; name=%0256d\r\n\r\n", 0);
        expect_error(line, -E2BIG);
        (void)snprintf(line, sizeof(line), "--XX\r\nContent-Type: %0256d\r\n\r\n", 0);
        expect_error(line, -E2BIG);
        strcpy(line, "--XX\r\n");
        for (int i = 0; i < 33; i++) {
                strcat(line, "A:\r\n");
        }
        expect_error(strcat(line, "\r\n"), -E2BIG);
}

static void test_a_nul_in_a_head(void **state)
{
        static const char body[] = "--XX\r\nA: b\0\r\n\r\n";
        struct story story;
        bool complete;

        assert_int_equal(read_in_pieces(body, sizeof(body) - 1, 5, &story, &complete), -EBADMSG);
}

static void test_boundaries(void **state)
{
        struct multipart *multipart;
        char longest[MULTIPART_BOUNDARY_MAX + 2];

        memset(longest, 'x', sizeof(longest));
        longest[MULTIPART_BOUNDARY_MAX + 1] = '\0';
        assert_int_equal(multipart_new(&multipart, "", &handlers, NULL), -EINVAL);
        assert_int_equal(multipart_new(&multipart, "a\nb", &handlers, NULL), -EINVAL);
        assert_int_equal(multipart_new(&multipart, longest, &handlers, NULL), -EINVAL);
        longest[MULTIPART_BOUNDARY_MAX] = '\0';
        assert_int_equal(multipart_new(&multipart, longest, &handlers, NULL), 0);
        multipart_freep(&multipart);
}

static void expect_parameter(const char *value, const char *name, int result, const char *text)
{
        char got[8];

        assert_int_equal(multipart_parameter(value, name, got, sizeof(got)), result);
        if (result == 0) {
                assert_string_equal(got, text);
        }
}

static void test_parameters(void **state)
{
        expect_parameter("form-data; name=\"a\"; filename=\"b\"", "filename", 0, "b");
        expect_parameter("form-data;NAME = a ;filename=b", "name", 0, "a");
        expect_parameter("form-data; filename=\"x;name=y\"; name=z", "name", 0, "z");
        expect_parameter("form-data; a=\"b\\\"; name=c\"; name=\"d\\\"e\\\\f\\g\"", "name", 0, "d\"e\\f\\g");
        expect_parameter("form-data; name", "name", -ENOENT, NULL);
        expect_parameter("name=a", "name", -ENOENT, NULL);
        expect_parameter("", "name", -ENOENT, NULL);
        expect_parameter("x; name=\"", "name", -EBADMSG, NULL);
        expect_parameter("x; other=\"a; name=b", "name", -EBADMSG, NULL);
        expect_parameter("x; name=\"\\", "name", -EBADMSG, NULL);
        expect_parameter("x; name=\"\"", "name", 0, "");
        expect_parameter("x; name=12345678", "name", -E2BIG, NULL);
        expect_parameter("x; name=\"12345678\"", "name", -E2BIG, NULL);
        expect_parameter("x; other=123456789; name=1234567", "name", 0, "1234567");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_as_libraries_write_it),
                cmocka_unit_test(test_as_people_write_it),
                cmocka_unit_test(test_bytes_like_an_end),
                cmocka_unit_test(test_a_part_that_never_ends),
                cmocka_unit_test(test_heads_that_are_none),
                cmocka_unit_test(test_a_nul_in_a_head),
                cmocka_unit_test(test_boundaries),
                cmocka_unit_test(test_parameters),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
