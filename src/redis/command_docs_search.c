/*
 * Vector sets, JSON documents, search indexes and semantic caches, as COMMAND DOCS tells of them:
 * see command_docs.h. "since" is the version of Redis, or of its module, that had the command
 * first.
 */
#include "redis/command_docs.h"

const struct command_doc search_docs[] = {
    {"VADD", "8.0.0", "Adds an element to a vector set, or changes its vector",
     "key [REDUCE dim] <FP32 blob|VALUES count vector...> element [CAS] [NOQUANT|Q8|BIN] [EF "
     "ef] [SETATTR attributes] [M m]"},
    {"VSIM", "8.0.0", "Finds the elements nearest to a vector or an element",
     "key <ELE element|FP32 blob|VALUES count vector...> [WITHSCORES] [WITHATTRIBS] [COUNT "
     "count] [EPSILON delta] [EF ef] [FILTER expression] [FILTER-EF ef] [TRUTH] [NOTHREAD]"},
    {"VREM", "8.0.0", "Removes an element", "key element"},
    {"VCARD", "8.0.0", "Counts the elements of a vector set", "key"},
    {"VDIM", "8.0.0", "Gives the dimension of a vector set", "key"},
    {"VEMB", "8.0.0", "Gives the vector of an element", "key element [RAW]"},
    {"VLINKS", "8.0.0", "Gives the neighbours of an element in the graph",
     "key element [WITHSCORES]"},
    {"VINFO", "8.0.0", "Describes a vector set", "key"},
    {"VSETATTR", "8.0.0", "Sets the attributes of an element", "key element attributes"},
    {"VGETATTR", "8.0.0", "Gives the attributes of an element", "key element"},
    {"VRANDMEMBER", "8.0.0", "Gives elements by chance", "key [count]"},
    {"VISMEMBER", "8.2.0", "Says whether an element is there", "key element"},
    {"VRANGE", "8.4.0", "Gives elements in the order of their bytes", "key start end [count]"},
    {"json.set", "1.0.0", "Sets a JSON value at a path", "key path value [NX|XX]"},
    {"json.get", "1.0.0", "Gives JSON values at paths", "key [path]..."},
    {"json.mget", "1.0.0", "Gives the values at a path of several documents", "key... path"},
    {"json.mset", "2.6.0", "Sets values in several documents", "(key path value)..."},
    {"json.merge", "2.6.0", "Merges a JSON value into the one at a path", "key path value"},
    {"json.del", "1.0.0", "Deletes the values at a path", "key [path]"},
    {"json.forget", "1.0.0", "Deletes the values at a path", "key [path]"},
    {"json.type", "1.0.0", "Gives the types of the values at a path", "key [path]"},
    {"json.numincrby", "1.0.0", "Adds to the numbers at a path", "key path value"},
    {"json.arrappend", "1.0.0", "Appends to the arrays at a path", "key path value..."},
    {"json.arrlen", "1.0.0", "Gives the lengths of the arrays at a path", "key [path]"},
    {"json.objkeys", "1.0.0", "Gives the keys of the objects at a path", "key [path]"},
    {"json.objlen", "1.0.0", "Counts the keys of the objects at a path", "key [path]"},
    {"json.strlen", "1.0.0", "Gives the lengths of the strings at a path", "key [path]"},
    {"ft.create", "1.0.0", "Makes a search index over hashes or JSON documents",
     "index-name [ON <HASH|JSON>] [PREFIX count prefix...] [option]... SCHEMA (field-name type "
     "[option]...)..."},
    {"ft.search", "1.0.0", "Finds documents by words, values and vectors",
     "index-name query [NOCONTENT] [WITHSCORES] [RETURN count field...] [SORTBY field "
     "[ASC|DESC]] [LIMIT offset num] [PARAMS count (name value)...] [DIALECT dialect] "
     "[option]..."},
    {"ft.aggregate", "1.1.0", "Groups and computes over what a query finds",
     "index-name query [LOAD count field...] [GROUPBY count field...] [REDUCE function count "
     "argument... [AS name]]... [SORTBY count field...] [APPLY expression AS name] [LIMIT "
     "offset num] [WITHCURSOR] [option]..."},
    {"ft.cursor", "1.1.0", "Commands about cursors of FT.AGGREGATE", ""},
    {"ft.cursor|read", "1.1.0", "Gives the next rows", "index-name cursor-id [COUNT count]"},
    {"ft.cursor|del", "1.1.0", "Closes a cursor", "index-name cursor-id"},
    {"ft.info", "1.0.0", "Describes an index", "index-name"},
    {"ft._list", "2.0.0", "Gives the names of indexes", ""},
    {"ft.dropindex", "2.0.0", "Deletes an index, with DD its documents too", "index-name [DD]"},
    {"ft.alter", "1.0.0", "Adds fields to an index",
     "index-name [SKIPINITIALSCAN] SCHEMA ADD (field-name type [option]...)..."},
    {"ft.aliasadd", "1.0.0", "Gives an index another name", "alias index-name"},
    {"ft.aliasupdate", "1.0.0", "Lets another name mean this index", "alias index-name"},
    {"ft.aliasdel", "1.0.0", "Takes another name away", "alias"},
    {"ft.explain", "1.0.0", "Tells how a query is understood",
     "index-name query [DIALECT dialect]"},
    {"ft.explaincli", "1.0.0", "Tells how a query is understood, line by line",
     "index-name query [DIALECT dialect]"},
    {"ft.tagvals", "1.0.0", "Gives the values of a tag field", "index-name field"},
    {"ft.synupdate", "1.2.0", "Makes words synonyms of each other",
     "index-name synonym-group-id [SKIPINITIALSCAN] term..."},
    {"ft.syndump", "1.2.0", "Gives words and the groups of synonyms they are in", "index-name"},
    {"ft.dictadd", "1.4.0", "Adds words to a dictionary", "dict term..."},
    {"ft.dictdel", "1.4.0", "Removes words of a dictionary", "dict term..."},
    {"ft.dictdump", "1.4.0", "Gives the words of a dictionary", "dict"},
    {"ft.spellcheck", "1.4.0", "Gives words that may have been meant",
     "index-name query [DISTANCE distance] [TERMS <INCLUDE|EXCLUDE> dict [term]...]... "
     "[DIALECT dialect]"},
    {"ft.sugadd", "1.0.0", "Adds a suggestion", "key string score [INCR] [PAYLOAD payload]"},
    {"ft.sugget", "1.0.0", "Gives suggestions that begin with a text",
     "key prefix [FUZZY] [WITHSCORES] [WITHPAYLOADS] [MAX num]"},
    {"ft.sugdel", "1.0.0", "Deletes a suggestion", "key string"},
    {"ft.suglen", "1.0.0", "Counts suggestions", "key"},
    {"SCACHE.SET", "1.0.0", "Keeps an answer under a prompt",
     "cache prompt response [FP32 blob|VALUES count vector...] [TTL seconds] [ATTR attributes] "
     "[MODEL model]"},
    {"SCACHE.GET", "1.0.0", "Gives the answer to a prompt or to one that means the same",
     "cache prompt [FP32 blob|VALUES count vector...] [THRESHOLD threshold] [FILTER expression] "
     "[K num] [MODEL model]"},
    {"SCACHE.DEL", "1.0.0", "Deletes answers", "cache [FALSEHIT] id..."},
    {"SCACHE.STATS", "1.0.0", "Counts hits and misses of a semantic cache", "cache"},
    {"SCACHE.CALIBRATE", "1.0.0", "Finds the threshold of a model by labelled pairs",
     "cache <FILE name|PAIRS json> [RATE rate] [MODEL model]"},
    {NULL, NULL, NULL, NULL},
};
