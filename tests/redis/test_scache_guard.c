/*
 * The guard of the semantic cache: pairs that may share an answer, pairs that must not, and what
 * holds for any bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "redis/scache_guard.h"

static bool agrees(const char *a, const char *b)
{
    const struct kith_str left = {a, strlen(a)}, right = {b, strlen(b)};
    const bool result = scache_guard_agrees(left, right);
    assert_int_equal(result, scache_guard_agrees(right, left));
    assert_true(scache_guard_agrees(left, left));
    return result;
}

#define PAIRS(name) static const char *const name[][2]

PAIRS(same) = {
    {"", ""},
    {"How do I reset my password?", "how can I reset the password"},
    {"How do I reset my password?", "How do I change my password"},
    {"I forgot my login credentials and need to change them", "How do I reset my password?"},
    {"Please tell me the capital of France", "What is the capital of France?"},
    {"I don't get it", "I cannot get it"},
    {"it isn't working", "it is not working"},
    {"it isnt working", "it isn\xe2\x80\x99t working"},
    {"it costs 1,000 euros", "the cost is 1000 euros."},
    {"three wishes", "the 3 wishes"},
    {"twelve months", "12 months"},
    {"a dozen eggs", "12 eggs"},
    {"enabling 2FA", "how to enable 2fa"},
    {"activate dark mode", "how do I enable dark mode?"},
    {"delete my account", "How to remove my account"},
    {"what does \"hello there\" mean", "the meaning of \"hello there\"?"},
    {"call foo_bar() twice", "twice call foo_bar()"},
    {"weather in Paris", "What's the weather in Paris?"},
    {"distance in km", "the distance in kilometers"},
    {"opening hours on Monday", "opening hours on mon."},
    {"price in dollars", "price in USD"},
    {"how to cook rice", "how do I cook the rice"},
    {"find flights to Rome", "flights to Rome"},
    {"北京的天气", "北京天气"},
    {"Wie ist das Wetter in Köln?", "das Wetter in Köln"},
    {"２０２４年の天気", "2024年の天気"},
    {"cuánto cuesta", "¿Cuánto cuesta?"},
    {"kids love the playground", "children enjoy the park with swings"},
};

PAIRS(numbers) = {
    {"population in 2019", "population in 2020"},
    {"raise by 5%", "raise by 5"},
    {"5 or 5", "5"},
    {"at 10:30", "at 30:10"},
    {"two tickets", "three tickets"},
    {"two tickets", "tickets"},
    {"order 7 of these", "order eight of these"},
    {"a hundred days", "a thousand days"},
    {"the first chapter", "the second chapter"},
    {"the 1st chapter", "the 2nd chapter"},
    {"half of it", "twice of it"},
    {"-5 degrees", "5 degrees"},
    {"1.5 litres", "15 litres"},
    {"1,5 litres", "15 litres"},
    {"version 2.3.1", "version 2.3.10"},
    {"install python 3.8", "install python 3.9"},
    {"release v1.2", "release v1.3"},
    {"meeting on 2024-01-05", "meeting on 2024-05-01"},
    {"meeting on 01/05/2024", "meeting on 05/01/2024"},
    {"it costs $5", "it costs \xe2\x82\xac" "5"},
    {"it costs 5 dollars", "it costs 5 euros"},
    {"100 USD", "100 EUR"},
    {"run 5 km", "run 5 miles"},
    {"add 3 cups", "add 3 grams"},
    {"5kg of flour", "5g of flour"},
    {"weather in march", "weather in april"},
    {"open on monday", "open on sunday"},
    {"news of today", "news of yesterday"},
    {"at 5 am", "at 5 pm"},
    {"paid weekly", "paid monthly"},
    {"call 555-1234", "call 555-1235"},
    {"三个苹果", "四个苹果"},
    {"第５章", "第６章"},
    {"\xd9\xa3 كتب", "\xd9\xa4 كتب"},
    {"zwei Bücher", "drei Bücher"},
    {"deux livres", "trois livres"},
    {"два билета", "три билета"},
    {"port 80", "port 8080"},
    {"0x1F", "0x2F"},
};

PAIRS(negations) = {
    {"how to enable it", "how not to enable it"},
    {"do it", "don't do it"},
    {"do it", "don\xe2\x80\x99t do it"},
    {"it works", "it doesnt work"},
    {"coffee with sugar", "coffee without sugar"},
    {"I always smoke", "I never smoke"},
    {"all of them", "none of them"},
    {"contains sugar", "contains no sugar"},
    {"everyone except me", "everyone and me"},
    {"sugar-free drinks", "sugar drinks"},
    {"a non-stick pan", "a stick pan"},
    {"Das ist gut", "Das ist nicht gut"},
    {"mit Zucker", "ohne Zucker"},
    {"Ich habe Zeit", "Ich habe keine Zeit"},
    {"c'est possible", "ce n'est pas possible"},
    {"avec sucre", "sans sucre"},
    {"con leche", "sin leche"},
    {"puedo fumar", "no puedo fumar"},
    {"posso fumar", "não posso fumar"},
    {"con zucchero", "senza zucchero"},
    {"это правда", "это не правда"},
    {"Не работает", "работает"},
    {"можно курить", "нельзя курить"},
    {"我喜欢狗", "我不喜欢狗"},
    {"有糖", "没有糖"},
    {"食べる", "食べない"},
    {"หวาน", "ไม่หวาน"},
    {"هذا صحيح", "هذا غير صحيح"},
};

PAIRS(opposites) = {
    {"enable 2FA", "disable 2FA"},
    {"how to stop it", "how to start it"},
    {"stopping the server", "starting the server"},
    {"upload a file", "download a file"},
    {"log in to it", "log out of it"},
    {"turn the light on", "turn the light off"},
    {"turn left at the light", "turn right at the light"},
    {"events before the war", "events after the war"},
    {"the cheapest phone", "the most expensive phone"},
    {"sort ascending", "sort descending"},
    {"grant access", "revoke access"},
    {"is it legal", "is it illegal"},
    {"is it possible", "is it impossible"},
    {"increase the volume", "decrease the volume"},
    {"the largest planet", "the smallest planet"},
    {"symptoms of a cold", "symptoms of a fever"},
    {"approve the request", "reject the request"},
    {"encrypt the disk", "decrypt the disk"},
    {"buy shares", "sell shares"},
    {"gain weight", "lose weight"},
};

PAIRS(names) = {
    {"weather in Paris", "weather in London"},
    {"weather in paris", "weather in london"},
    {"Paris weather", "London weather"},
    {"weather in new york today", "weather in los angeles today"},
    {"is John taller than Mary", "is John taller than Anna"},
    {"who is Ada's mother", "who is Eva's mother"},
    {"Wetter in Köln", "Wetter in Ülm"},
    {"погода в Москве", "погода в Киеве"},
    {"ο καιρός στην Αθήνα", "ο καιρός στην Πάτρα"},
    {"İstanbul'da hava", "Ankara'da hava"},
    {"das Wetter in Łódź", "das Wetter in Šibenik"},
    {"北京天气", "上海天气"},
    {"東京の天気", "大阪の天気"},
    {"the NATO treaty", "the NAFTA treaty"},
    {"capital of france", "capital of spain"},
    {"who wrote hamlet", "who wrote macbeth"},
    {"side effects of aspirin", "side effects of ibuprofen"},
    {"made in US", "made in us"},
    {"recipe for apple pie", "recipe for cherry pie"},
};

PAIRS(quotes) = {
    {"what does 'yes' mean", "what does 'no' mean"},
    {"define \"a b\"", "define \"a  b\""},
    {"what is `foo`", "what is `bar`"},
    {"translate \xe2\x80\x9cgood morning\xe2\x80\x9d", "translate \xe2\x80\x9cgood day\xe2\x80\x9d"},
    {"translate \xc2\xab" "chat\xc2\xbb", "translate \xc2\xab" "chien\xc2\xbb"},
    {"\xe2\x80\x9eja\xe2\x80\x9c hei\xc3\x9ft was", "\xe2\x80\x9enein\xe2\x80\x9c hei\xc3\x9ft was"},
    {"「はい」の意味", "「いいえ」の意味"},
    {"say \"x\"", "say x"},
};

PAIRS(code) = {
    {"call foo_bar", "call foo_baz"},
    {"open config.json", "open config.yaml"},
    {"use fooBar", "use fooBaz"},
    {"run with --force", "run with --dry"},
    {"git reset --hard HEAD", "git reset --soft HEAD"},
    {"what does a[i] do", "what does a[j] do"},
    {"mail to a@b.c", "mail to a@b.d"},
    {"go to /etc/hosts", "go to /etc/passwd"},
    {"set $HOME", "set $PATH"},
    {"import numpy.linalg", "import numpy.fft"},
    {"chmod 644 file", "chmod 600 file"},
    {"use C++", "use C#"},
    {"x == y", "x != y"},
    {"error E1001", "error E1002"},
    {"issue #12", "issue #13"},
    {"ssh user@alpha", "ssh user@beta"},
};

#define REFUSES(pairs) refuses((pairs), sizeof(pairs) / sizeof(pairs)[0], #pairs)

static unsigned refuses(const char *const (*pairs)[2], size_t count, const char *class)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < count; i++) {
        if (!agrees(pairs[i][0], pairs[i][1])) continue;
        print_error("%s agreed: %s | %s\n", class, pairs[i][0], pairs[i][1]);
        wrong++;
    }
    return wrong;
}

static void test_what_may_share(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        if (agrees(same[i][0], same[i][1])) continue;
        print_error("refused: %s | %s\n", same[i][0], same[i][1]);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void test_what_may_not(void **state)
{
    (void)state;
    const unsigned wrong = REFUSES(numbers) + REFUSES(negations) + REFUSES(opposites) +
                           REFUSES(names) + REFUSES(quotes) + REFUSES(code);
    assert_int_equal(wrong, 0);
}

/* Calls `see` with the label and the two texts of every line of a file of tests/data/. */
static unsigned each_pair(const char *name, void (*see)(const char *label, const char *a,
                                                        const char *b, void *ctx), void *ctx)
{
    const char *root = getenv("KITH_SOURCE_DIR");
    char path[4096], line[1024];
    snprintf(path, sizeof path, "%s/tests/data/%s", root ? root : ".", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    unsigned count = 0;
    while (fgets(line, sizeof line, file)) {
        char *a = strchr(line, '\t'), *b = a ? strchr(a + 1, '\t') : NULL;
        if (line[0] == '#') continue;
        assert_non_null(b);
        *a = *b = 0;
        b[1 + strcspn(b + 1, "\n")] = 0;
        count++;
        see(line, a + 1, b + 1, ctx);
    }
    fclose(file);
    return count;
}

static void see_pair(const char *label, const char *a, const char *b, void *ctx)
{
    if (agrees(a, b) == (strcmp(label, "same") == 0)) return;
    print_error("not %s: %s | %s\n", label, a, b);
    ++*(unsigned *)ctx;
}

static void test_pairs_of_a_file(void **state)
{
    (void)state;
    unsigned wrong = 0;
    assert_true(each_pair("guard-pairs.txt", see_pair, &wrong) > 200);
    assert_int_equal(wrong, 0);
}

struct attacks {
    unsigned hits, harmless, passed;
};

static void see_attack(const char *label, const char *a, const char *b, void *ctx)
{
    struct attacks *seen = ctx;
    const bool harmless = strcmp(label, "harmless") == 0, hit = agrees(a, b);
    seen->harmless += harmless;
    seen->passed += harmless && hit;
    if (harmless || !hit) return;
    print_error("%s passed: %s | %s\n", label, a, b);
    seen->hits++;
}

/* Whatever the vectors say: no pair of the four categories is a hit, and few harmless ones a miss. */
static void test_attacks(void **state)
{
    (void)state;
    struct attacks seen = {0, 0, 0};
    const unsigned count = each_pair("guard-attacks.txt", see_attack, &seen);
    assert_int_equal(seen.hits, 0);
    assert_true(seen.harmless > 200 && count - seen.harmless > 500);
    print_message("harmless pairs that may share: %u of %u\n", seen.passed, seen.harmless);
    assert_true(seen.passed * 100 >= seen.harmless * 93);
}

#define LONG_WORDS 300

/* `first`, many plain words, `last`. */
static char *long_text(const char *first, const char *last)
{
    const size_t room = LONG_WORDS * 6 + 64;
    char *text = malloc(room);
    assert_non_null(text);
    size_t len = (size_t)snprintf(text, room, "%s ", first);
    for (int i = 0; i < LONG_WORDS; i++)
        len += (size_t)snprintf(text + len, room - len, "%s", i % 2 ? "green " : "water ");
    snprintf(text + len, room - len, "%s", last);
    return text;
}

static bool long_agree(const char *a, const char *b, const char *c, const char *d)
{
    char *left = long_text(a, b), *right = long_text(c, d);
    const bool result = agrees(left, right);
    free(left);
    free(right);
    return result;
}

static void test_long_texts(void **state)
{
    (void)state;
    assert_true(long_agree("paris", "rome", "paris", "rome please"));
    assert_true(long_agree("paris", "rome", "hello, paris", "rome"));
    assert_false(long_agree("paris", "rome", "rome", "paris"));
    assert_false(long_agree("paris", "rome", "paris", "oslo"));
    assert_false(long_agree("paris", "rome", "oslo", "oslo"));
    assert_false(long_agree("it is", "hot", "is it", "cold"));
    assert_false(long_agree("it is", "hot", "is it", "not hot"));
    assert_false(long_agree("it is", "5", "is it", "6"));
}

/* Openers whose other closing sign never comes cost no second look at what lies behind. */
static void test_many_quotes(void **state)
{
    (void)state;
    static const char one[] = "\xe2\x80\x9e" "a\xe2\x80\x9d";
    const size_t size = sizeof one - 1, count = 9000; /* below 64 KiB */
    char *text = malloc(size * count + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++) memcpy(text + i * size, one, size + 1);
    assert_true(agrees(text, text));
    assert_false(agrees(text, text + size));
    free(text);
}

/* Above 64 KiB only equal texts agree. */
static void test_huge_texts(void **state)
{
    (void)state;
    const size_t len = (64 << 10) + 1;
    char *a = malloc(len), *b = malloc(len);
    assert_true(a && b);
    memset(a, ' ', len);
    memset(b, ' ', len);
    const struct kith_str left = {a, len}, right = {b, len};
    assert_true(scache_guard_agrees(left, right));
    b[0] = '\n';
    assert_false(scache_guard_agrees(left, right));
    assert_true(scache_guard_agrees((struct kith_str){a, len - 1}, (struct kith_str){b, len - 1}));
    free(a);
    free(b);
}

/* Any bytes: it ends, is symmetric, agrees with itself, and sees one more number. The copies are
 * as long as the text, so that a sanitizer sees a read behind it. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const char letters[] = "aZ19 .,'\"`-_/\n!?()\xc3\x89\xe2\x80\x9c\xe2\x80\x99n't not I"
                                  "\xe4\xb8\x8d\xd9\xa3\xf0\x9f";
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 20000; i++) {
        const size_t len = rng_u64(&rng) % 60;
        char *text = malloc(len + 1), *more = malloc(len + 4), *exact = malloc(len ? len : 1);
        assert_true(text && more && exact);
        for (size_t j = 0; j < len; j++) text[j] = letters[rng_u64(&rng) % (sizeof letters - 1)];
        memcpy(more, "7\n ", 3);
        memcpy(more + 3, text, len);
        memcpy(exact, text, len);
        const struct kith_str a = {exact, len}, b = {more, len + 3};
        assert_true(scache_guard_agrees(a, a));
        assert_false(scache_guard_agrees(a, b));
        assert_false(scache_guard_agrees(b, a));
        free(exact);
        free(text);
        free(more);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_may_share),
        cmocka_unit_test(test_what_may_not),
        cmocka_unit_test(test_pairs_of_a_file),
        cmocka_unit_test(test_attacks),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_many_quotes),
        cmocka_unit_test(test_huge_texts),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
