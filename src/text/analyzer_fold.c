/*
 * Code points in and out, and folding to ASCII: the compatibility decomposition (utf8proc, Unicode
 * 15) without its marks, and a table for letters that Unicode does not decompose. What neither
 * knows stays as it is: Greek, Cyrillic, Chinese.
 */
#include "text/analyzer_internal.h"

#include <string.h>
#include <utf8proc.h>

size_t text_code_point(const char *text, size_t len, int32_t *out)
{
    const uint8_t *bytes = (const uint8_t *)text;
    if (bytes[0] < 0x80) {
        *out = bytes[0];
        return 1;
    }
    const utf8proc_ssize_t used = utf8proc_iterate(bytes, (utf8proc_ssize_t)len, out);
    if (used > 0) return (size_t)used;
    *out = bytes[0];
    return 1;
}

void text_put_code_point(struct buffer *out, int32_t code_point)
{
    if (code_point < 0x80) {
        buffer_put_u8(out, (uint8_t)code_point);
        return;
    }
    uint8_t bytes[4];
    const utf8proc_ssize_t len = utf8proc_encode_char(code_point, bytes);
    if (len > 0) buffer_put(out, bytes, (size_t)len);
}

static const struct {
    int32_t from;
    const char *to;
} fold_table[] = { /* ascending */
    { 0x00c6, "AE" }, { 0x00d0, "D" },  { 0x00d8, "O" },  { 0x00de, "TH" }, { 0x00df, "ss" },
    { 0x00e6, "ae" }, { 0x00f0, "d" },  { 0x00f8, "o" },  { 0x00fe, "th" }, { 0x0110, "D" },
    { 0x0111, "d" },  { 0x0126, "H" },  { 0x0127, "h" },  { 0x0131, "i" },  { 0x0138, "q" },
    { 0x0141, "L" },  { 0x0142, "l" },  { 0x014a, "N" },  { 0x014b, "n" },  { 0x0152, "OE" },
    { 0x0153, "oe" }, { 0x0166, "T" },  { 0x0167, "t" },  { 0x0180, "b" },  { 0x0188, "c" },
    { 0x0192, "f" },  { 0x0197, "I" },  { 0x019a, "l" },  { 0x01b5, "Z" },  { 0x01b6, "z" },
    { 0x0237, "j" },  { 0x023a, "A" },  { 0x023d, "L" },  { 0x0243, "B" },  { 0x0259, "a" },
    { 0x025b, "e" },  { 0x0261, "g" },  { 0x0268, "i" },  { 0x1e9e, "SS" }, { 0x2010, "-" },
    { 0x2011, "-" },  { 0x2012, "-" },  { 0x2013, "-" },  { 0x2014, "-" },  { 0x2018, "'" },
    { 0x2019, "'" },  { 0x201a, "'" },  { 0x201b, "'" },  { 0x201c, "\"" }, { 0x201d, "\"" },
    { 0x201e, "\"" }, { 0x2032, "'" },  { 0x2033, "\"" }, { 0x2039, "'" },  { 0x203a, "'" },
    { 0x2044, "/" },
};

static const char *fold_find(int32_t code_point)
{
    size_t low = 0, high = sizeof fold_table / sizeof fold_table[0];
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (fold_table[middle].from == code_point) return fold_table[middle].to;
        if (fold_table[middle].from < code_point) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool is_mark(int32_t code_point)
{
    const utf8proc_category_t category = utf8proc_category(code_point);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME;
}

#define DECOMPOSED_MAX 32 /* the longest decomposition of Unicode has 18 code points */

/* true: out has the ASCII form of the code point. */
static bool fold_decompose(int32_t code_point, struct buffer *out)
{
    utf8proc_int32_t parts[DECOMPOSED_MAX];
    int boundary = 0;
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(code_point, parts, DECOMPOSED_MAX,
                                UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary);
    if (count <= 0 || count > DECOMPOSED_MAX) return false;
    const size_t before = out->len;
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        if (is_mark(parts[i])) continue;
        const char *to = parts[i] < 0x80 ? NULL : fold_find(parts[i]);
        if (parts[i] >= 0x80 && !to) {
            out->len = before;
            return false;
        }
        if (to) {
            buffer_put(out, to, strlen(to));
        } else {
            buffer_put_u8(out, (uint8_t)parts[i]);
        }
    }
    return out->len > before;
}

void text_fold_ascii(const char *text, size_t len, struct buffer *out)
{
    for (size_t at = 0; at < len;) {
        int32_t code_point;
        at += text_code_point(text + at, len - at, &code_point);
        if (code_point < 0x80) {
            buffer_put_u8(out, (uint8_t)code_point);
            continue;
        }
        if (!fold_decompose(code_point, out)) text_put_code_point(out, code_point);
    }
}
