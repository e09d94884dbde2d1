/* What one request can cost: work is counted, never timed. */
#include "redis/door.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "redis/acl.h"
#include "redis/redis_internal.h"

/* ---- ACL SETUSER with many modifiers ---- */

#define PATTERNS 20000
#define PASSWORDS 500

static void feed(struct session *session, struct buffer *sent, struct buffer *reply)
{
    assert_false(buffer_failed(sent));
    assert_int_equal(session_feed(session, sent->data, sent->len, reply), 0);
    buffer_clear(sent);
    buffer_put_u8(reply, 0);
}

static void put_word(struct buffer *out, const char *word)
{
    buffer_printf(out, "$%zu\r\n%s\r\n", strlen(word), word);
}

/* Each pattern twice, for reading and for writing: the list has one of each, in the first order. */
static void many_patterns_of_a_user(void **state)
{
    (void)state;
    struct redis *redis;
    struct session *session = door_open_one(&redis);
    struct buffer sent, reply, want;
    char word[32];
    buffer_init(&sent);
    buffer_init(&reply);
    buffer_init(&want);
    buffer_printf(&sent, "*%d\r\n", 3 + 2 * PATTERNS);
    put_word(&sent, "ACL");
    put_word(&sent, "SETUSER");
    put_word(&sent, "al");
    for (int i = 0; i < 2 * PATTERNS; i++) {
        const bool again = i >= PATTERNS;
        (void)snprintf(word, sizeof word, "%%%c~k%d", again == i % 2 ? 'R' : 'W', i % PATTERNS);
        put_word(&sent, word);
    }
    feed(session, &sent, &reply);
    assert_string_equal((const char *)reply.data, "+OK\r\n");
    buffer_clear(&reply);
    for (int i = 0; i < PATTERNS; i++) buffer_printf(&want, "~k%d ", i);
    buffer_printf(&want, "resetchannels -@all\r\n");
    buffer_put_u8(&want, 0);
    buffer_printf(&sent, "ACL LIST\r\n");
    feed(session, &sent, &reply);
    assert_non_null(strstr((const char *)reply.data, (const char *)want.data));
    buffer_release(&want);
    buffer_release(&reply);
    buffer_release(&sent);
    door_close_one(redis, session);
}

/* A long list is looked up by text: no pattern is compared with all that stand before it. */
static void long_lists_are_looked_up(void **state)
{
    (void)state;
    char word[2 * ACL_HASH_BYTES + 2];
    struct redis *redis = door_open();
    struct acl_user *user = acl_user_new((struct kith_str){"al", 2});
    assert_non_null(user);
    for (int i = 0; i < PASSWORDS; i++) {
        (void)snprintf(word, sizeof word, "~k%d", i);
        assert_null(acl_set(redis, user, (struct kith_str){word, strlen(word)}));
        (void)snprintf(word, sizeof word, "&c%d", i);
        assert_null(acl_set(redis, user, (struct kith_str){word, strlen(word)}));
        (void)snprintf(word, sizeof word, "#%064x", (unsigned)i);
        assert_null(acl_set(redis, user, (struct kith_str){word, strlen(word)}));
    }
    const struct acl_selector *root = user->selectors[0];
    assert_int_equal(root->keys.places.count, PASSWORDS - 1); /* all but the one just added */
    assert_int_equal(root->channels.places.count, PASSWORDS - 1);
    assert_int_equal(user->password_places.count, PASSWORDS);
    acl_user_free(user);
    redis_free(redis);
}

static unsigned place_of(const struct acl_user *user, size_t i)
{
    return user->passwords[i][ACL_HASH_BYTES - 1] + 256u * user->passwords[i][ACL_HASH_BYTES - 2];
}

/* Every other password goes, and some come again: those stand at the end. */
static void passwords_keep_their_order(void **state)
{
    (void)state;
    static char texts[2 * PASSWORDS][2 * ACL_HASH_BYTES + 2];
    struct kith_str rules[2 * PASSWORDS];
    struct buffer error;
    struct redis *redis = door_open();
    struct acl_user *user = acl_user_new((struct kith_str){"al", 2});
    size_t count = 0;
    assert_non_null(user);
    buffer_init(&error);
    for (unsigned i = 0; i < PASSWORDS; i++)
        (void)snprintf(texts[count++], sizeof texts[0], "#%064x", i);
    for (unsigned i = 0; i < PASSWORDS; i += 2)
        (void)snprintf(texts[count++], sizeof texts[0], "!%064x", i);
    for (unsigned i = 0; i < 20; i++)
        (void)snprintf(texts[count++], sizeof texts[0], "#%064x", i);
    for (size_t i = 0; i < count; i++)
        rules[i] = (struct kith_str){texts[i], strlen(texts[i])};
    assert_int_equal(acl_set_all(redis, user, rules, count, &error), 0);
    assert_int_equal(user->password_count, PASSWORDS / 2 + 10);
    for (size_t i = 0; i < PASSWORDS / 2; i++) assert_int_equal(place_of(user, i), 2 * i + 1);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(place_of(user, PASSWORDS / 2 + i), 2 * i);
    texts[0][0] = '!'; /* number 0, which came last but nine */
    assert_int_equal(acl_set_all(redis, user, rules, 1, &error), 0);
    assert_int_equal(user->password_count, PASSWORDS / 2 + 9);
    assert_int_equal(acl_set_all(redis, user, rules, 1, &error), KITH_EINVAL);
    buffer_release(&error);
    acl_user_free(user);
    redis_free(redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_patterns_of_a_user),
        cmocka_unit_test(long_lists_are_looked_up),
        cmocka_unit_test(passwords_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
