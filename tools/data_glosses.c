/*
 * The `glosses` set: WordNet 3.0's definitions and the relations between them, from the four
 * files data.noun, data.verb, data.adj and data.adv (wndb(5WN)). A line is
 *
 *     offset lex_filenum ss_type w_cnt(hex) {word lex_id} p_cnt {symbol offset pos src/tgt} ... | gloss
 *
 * Written: glosses.jsonl, one {"id","words","text"} a synset, where id is the part of speech and
 * the offset ("n00001740"); facts.tsv, one "id <tab> relation <tab> id" a relation that the concept
 * memory knows: is a (hypernym, instance), contains (meronyms), causes, similar.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "make_data.h"

struct glosses {
    FILE *texts, *facts;
    uint32_t synsets, relations;
};

static const char *relation_name(const char *symbol)
{
    static const char *const names[][2] = {
        {"@", "is a"},      {"@i", "is a"},     {"%m", "contains"}, {"%s", "contains"},
        {"%p", "contains"}, {">", "causes"},    {"&", "similar"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(symbol, names[i][0]) == 0) return names[i][1];
    }
    return NULL;
}

static void put_json(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* The next blank-separated field of *at; ends the program when the line is short. */
static char *field(char **at)
{
    char *text = strsep(at, " ");
    if (!text) data_die("a WordNet line is too short");
    return text;
}

static void write_words(struct glosses *g, char **at)
{
    unsigned long words = strtoul(field(at), NULL, 16);
    for (unsigned long i = 0; i < words; i++) {
        char *word = field(at);
        char *marker = strchr(word, '('); /* "(p)": the position of an adjective */
        if (marker && marker != word) *marker = 0;
        for (char *c = word; *c; c++) *c = *c == '_' ? ' ' : *c;
        if (i) fputc(',', g->texts);
        put_json(g->texts, word);
        field(at); /* lex_id */
    }
}

static void write_facts(struct glosses *g, const char *id, char **at)
{
    unsigned long pointers = strtoul(field(at), NULL, 10);
    for (unsigned long i = 0; i < pointers; i++) {
        const char *name = relation_name(field(at));
        const char *offset = field(at);
        const char *pos = field(at);
        field(at); /* source and target word */
        if (!name) continue;
        fprintf(g->facts, "%s\t%s\t%c%s\n", id, name, *pos == 's' ? 'a' : *pos, offset);
        g->relations++;
    }
}

static void write_synset(struct glosses *g, char *line, char pos)
{
    char *gloss = strstr(line, " | ");
    if (!gloss) data_die("a WordNet line has no gloss");
    *gloss = 0;
    gloss += 3;
    for (char *end = gloss + strlen(gloss); end > gloss && end[-1] <= ' ';) *--end = 0;
    char id[32];
    char *at = line;
    snprintf(id, sizeof id, "%c%s", pos, field(&at));
    field(&at); /* lex_filenum */
    field(&at); /* ss_type */
    fprintf(g->texts, "{\"id\":\"%s\",\"words\":[", id);
    write_words(g, &at);
    fputs("],\"text\":", g->texts);
    put_json(g->texts, gloss);
    fputs("}\n", g->texts);
    write_facts(g, id, &at);
    g->synsets++;
}

static void read_part(struct glosses *g, const char *dir, const char *name, char pos)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/data.%s", dir, name);
    FILE *file = fopen(path, "rb");
    if (!file) data_die("cannot open %s: %s", path, strerror(errno));
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, file) > 0) {
        if (line[0] != ' ') write_synset(g, line, pos); /* the licence is indented */
    }
    free(line);
    fclose(file);
}

void make_glosses(const char *wordnet_dir, const char *dir)
{
    struct glosses g = {data_create(dir, "glosses.jsonl"), data_create(dir, "facts.tsv"), 0, 0};
    read_part(&g, wordnet_dir, "noun", 'n');
    read_part(&g, wordnet_dir, "verb", 'v');
    read_part(&g, wordnet_dir, "adj", 'a');
    read_part(&g, wordnet_dir, "adv", 'r');
    data_finish(g.texts, "glosses.jsonl");
    data_finish(g.facts, "facts.tsv");
    printf("glosses: %u synsets, %u relations\n", g.synsets, g.relations);
}
