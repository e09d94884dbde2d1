/*
 * Words of opposite sense, by pairs of sides: "hot" and "warm" against "cold". A prompt that has
 * one side alone says something else than one that has the other side alone, wherever they stand;
 * one that has neither says nothing about it. So these cost paraphrases less than cues do.
 *
 * Data, sorted by the bytes of the word, and its look-up. One word may be in several pairs ("left",
 * "right" and "arrived"). Forms are written out where endings would make another word.
 */
#include <string.h>

#include "redis/scache_guard_internal.h"

struct guard_side {
    const char *word;
    unsigned short pair, second;
};

/* clang-format off */
static const struct guard_side sides[] = {
    {"above", 38, 0}, {"absent", 152, 1}, {"accelerate", 107, 0}, {"accept", 118, 0},
    {"accepted", 118, 0}, {"acid", 174, 0}, {"acidic", 174, 0}, {"activate", 120, 0},
    {"active", 200, 0}, {"add", 50, 0}, {"add", 117, 0}, {"addition", 50, 0}, {"admit", 258, 0},
    {"admitted", 258, 0}, {"adore", 95, 0}, {"adult", 63, 0}, {"adults", 63, 0},
    {"advantage", 253, 0}, {"after", 157, 1}, {"against", 203, 1}, {"agree", 137, 0},
    {"alive", 93, 0}, {"alkaline", 174, 1}, {"all", 204, 0}, {"allow", 119, 0}, {"allow", 260, 0},
    {"allowed", 119, 0}, {"always", 150, 0}, {"always", 151, 0}, {"am", 164, 0},
    {"ancestor", 177, 0}, {"ancient", 11, 0}, {"answer", 115, 1}, {"answered", 115, 1},
    {"anticlockwise", 180, 1}, {"apart", 201, 1}, {"appear", 138, 0}, {"append", 117, 0},
    {"approve", 118, 0}, {"approved", 118, 0}, {"arrival", 89, 0}, {"arrive", 89, 0},
    {"arrived", 89, 0}, {"artificial", 167, 1}, {"ascend", 179, 0}, {"ascending", 179, 0},
    {"ascending", 264, 0}, {"ask", 115, 0}, {"asked", 115, 0}, {"asleep", 94, 1}, {"asset", 83, 0},
    {"attach", 117, 0}, {"attack", 102, 0}, {"attacker", 208, 0}, {"attract", 182, 0},
    {"aunt", 57, 1}, {"author", 77, 0}, {"automatic", 170, 1}, {"avoid", 135, 0},
    {"avoided", 135, 0}, {"awake", 94, 0}, {"back", 34, 1}, {"backward", 34, 1},
    {"backwards", 34, 1}, {"bad", 145, 1}, {"badly", 48, 1}, {"ban", 119, 1}, {"banned", 119, 1},
    {"basic", 174, 1}, {"before", 157, 0}, {"begin", 91, 0}, {"beginner", 239, 1},
    {"beginning", 91, 0}, {"below", 38, 1}, {"beneath", 38, 1}, {"benefit", 255, 0},
    {"benefits", 255, 0}, {"best", 147, 0}, {"better", 146, 0}, {"big", 4, 0}, {"birth", 92, 0},
    {"birthday", 92, 0}, {"bitter", 26, 1}, {"black", 165, 0}, {"blame", 229, 1}, {"block", 260, 1},
    {"blunt", 22, 1}, {"boil", 129, 0}, {"born", 92, 0}, {"borrow", 111, 1}, {"boss", 65, 0},
    {"both", 205, 0}, {"bottom", 33, 1}, {"bought", 112, 0}, {"boy", 52, 0}, {"break", 227, 1},
    {"bride", 53, 1}, {"brief", 2, 1}, {"bright", 8, 0}, {"broad", 5, 0}, {"broke", 227, 1},
    {"broken", 227, 1}, {"brother", 55, 0}, {"build", 116, 0}, {"built", 116, 0}, {"buried", 92, 1},
    {"buy", 112, 0}, {"buyer", 67, 0}, {"buyers", 67, 0}, {"came", 223, 0}, {"catch", 109, 1},
    {"caught", 109, 1}, {"cause", 213, 0}, {"cause", 257, 1}, {"caused", 213, 0},
    {"caused", 257, 1}, {"causes", 213, 0}, {"causes", 257, 1}, {"causing", 213, 0},
    {"cease", 134, 1}, {"ceiling", 242, 0}, {"cheap", 15, 0}, {"cheaper", 256, 0}, {"child", 62, 1},
    {"child", 63, 1}, {"children", 62, 1}, {"children", 63, 1}, {"chilly", 0, 1}, {"clean", 23, 0},
    {"client", 75, 0}, {"clockwise", 180, 0}, {"close", 121, 1}, {"close", 154, 0},
    {"closed", 121, 1}, {"closing", 91, 1}, {"cold", 0, 1}, {"come", 223, 0}, {"comedy", 238, 0},
    {"common", 149, 1}, {"complex", 16, 1}, {"complicated", 16, 1}, {"compress", 194, 0},
    {"compulsory", 184, 0}, {"conceal", 126, 0}, {"confirm", 136, 0}, {"confirmed", 136, 0},
    {"confirming", 136, 0}, {"connect", 123, 0}, {"connected", 123, 0}, {"cons", 254, 1},
    {"consonant", 188, 0}, {"continue", 134, 0}, {"cooked", 24, 1}, {"cool", 0, 1},
    {"cool", 216, 1}, {"cooling", 0, 1}, {"copy", 244, 1}, {"correct", 144, 0}, {"costly", 15, 1},
    {"counterclockwise", 180, 1}, {"create", 116, 0}, {"credit", 82, 0}, {"cried", 211, 1},
    {"criticize", 229, 1}, {"cry", 211, 1}, {"customer", 67, 0}, {"dad", 54, 0}, {"damp", 19, 0},
    {"dangerous", 141, 1}, {"dark", 8, 1}, {"daughter", 56, 1}, {"daughter", 64, 1},
    {"dawn", 162, 0}, {"day", 160, 0}, {"daytime", 160, 0}, {"deactivate", 120, 1}, {"dead", 92, 1},
    {"dead", 93, 1}, {"dearer", 256, 1}, {"death", 92, 1}, {"debit", 82, 1}, {"decelerate", 107, 1},
    {"decline", 106, 1}, {"decline", 118, 1}, {"decode", 193, 1}, {"decompress", 194, 1},
    {"decrease", 106, 1}, {"decrypt", 130, 1}, {"deep", 9, 0}, {"defeat", 97, 1},
    {"defence", 102, 1}, {"defend", 102, 1}, {"defendant", 71, 1}, {"defender", 208, 1},
    {"defense", 102, 1}, {"defense", 103, 1}, {"deflation", 88, 1}, {"delete", 116, 1},
    {"delete", 117, 1}, {"demand", 84, 1}, {"demolish", 116, 1}, {"denied", 136, 1},
    {"denied", 258, 1}, {"deny", 118, 1}, {"deny", 136, 1}, {"deny", 258, 1}, {"depart", 89, 1},
    {"departure", 89, 1}, {"descend", 179, 1}, {"descendant", 177, 1}, {"descending", 179, 1},
    {"descending", 264, 1}, {"destroy", 116, 1}, {"detach", 117, 1}, {"die", 92, 1},
    {"die", 226, 1}, {"died", 92, 1}, {"died", 226, 1}, {"difficult", 16, 1}, {"digital", 169, 1},
    {"dim", 8, 1}, {"dirty", 23, 1}, {"disable", 120, 1}, {"disadvantage", 253, 1},
    {"disagree", 137, 1}, {"disallow", 119, 1}, {"disallowed", 119, 1}, {"disappear", 138, 1},
    {"discard", 133, 1}, {"discard", 134, 1}, {"disconnect", 123, 1}, {"dislike", 95, 1},
    {"distant", 154, 1}, {"distrust", 234, 1}, {"divide", 51, 1}, {"division", 51, 1},
    {"divorce", 212, 1}, {"divorced", 212, 1}, {"doctor", 70, 0}, {"domestic", 30, 0},
    {"doubt", 234, 1}, {"down", 37, 1}, {"download", 131, 1}, {"downstairs", 37, 1},
    {"downward", 37, 1}, {"downwards", 37, 1}, {"drawback", 253, 1}, {"drawback", 255, 1},
    {"drop", 106, 1}, {"drunk", 248, 1}, {"dry", 19, 1}, {"dull", 22, 1}, {"dusk", 162, 1},
    {"dynamic", 186, 1}, {"earlier", 158, 0}, {"early", 13, 0}, {"earn", 209, 0},
    {"earned", 209, 0}, {"east", 42, 0}, {"eastern", 42, 0}, {"easy", 16, 0}, {"eat", 135, 1},
    {"effect", 213, 1}, {"effects", 213, 1}, {"elderly", 11, 0}, {"employee", 65, 1},
    {"employees", 65, 1}, {"employer", 65, 0}, {"employers", 65, 0}, {"empty", 18, 1},
    {"enable", 120, 0}, {"encode", 193, 0}, {"encrypt", 130, 0}, {"end", 91, 1}, {"ending", 91, 1},
    {"enemy", 79, 1}, {"enter", 90, 0}, {"entrance", 90, 0}, {"entry", 90, 0}, {"even", 44, 0},
    {"evening", 161, 1}, {"every", 204, 0}, {"everybody", 204, 0}, {"everyone", 204, 0},
    {"everything", 204, 0}, {"evil", 145, 1}, {"exclude", 125, 1}, {"excluded", 125, 1},
    {"excluding", 125, 1}, {"exclusive", 263, 1}, {"exhale", 206, 1}, {"exit", 90, 1},
    {"expand", 106, 0}, {"expense", 86, 1}, {"expenses", 86, 1}, {"expensive", 15, 1},
    {"expert", 239, 0}, {"export", 87, 1}, {"export", 181, 0}, {"exterior", 29, 1},
    {"external", 29, 1}, {"extract", 194, 1}, {"extrovert", 189, 1}, {"extroverted", 189, 1},
    {"fact", 240, 0}, {"fail", 98, 1}, {"fail", 100, 1}, {"failed", 98, 1}, {"failed", 100, 1},
    {"failure", 98, 1}, {"fake", 168, 1}, {"fall", 106, 1}, {"false", 142, 1}, {"far", 154, 1},
    {"fast", 10, 0}, {"fat", 153, 0}, {"father", 54, 0}, {"father", 64, 0}, {"fell", 106, 1},
    {"female", 52, 1}, {"few", 48, 1}, {"fewer", 47, 1}, {"fiction", 240, 1}, {"find", 224, 0},
    {"finish", 91, 1}, {"finished", 91, 1}, {"fire", 104, 1}, {"fired", 104, 1}, {"first", 155, 0},
    {"fix", 227, 0}, {"flexible", 20, 1}, {"float", 218, 1}, {"floor", 242, 1}, {"follower", 74, 1},
    {"for", 203, 0}, {"forbid", 119, 1}, {"forbidden", 119, 1}, {"foreign", 30, 1},
    {"forget", 101, 1}, {"forgot", 101, 1}, {"forgotten", 101, 1}, {"formal", 199, 0},
    {"forward", 34, 0}, {"forwards", 34, 0}, {"found", 224, 0}, {"freedom", 207, 0},
    {"freeze", 128, 0}, {"freeze", 129, 1}, {"freeze", 217, 1}, {"frequent", 149, 1},
    {"frequently", 150, 0}, {"fresh", 25, 0}, {"friend", 79, 0}, {"front", 34, 0},
    {"frown", 231, 1}, {"froze", 128, 0}, {"frozen", 25, 1}, {"full", 18, 0}, {"future", 159, 1},
    {"gain", 81, 0}, {"gentleman", 52, 0}, {"genuine", 168, 0}, {"get", 215, 0}, {"girl", 52, 1},
    {"glad", 148, 0}, {"global", 31, 1}, {"go", 223, 1}, {"gone", 223, 1}, {"good", 145, 0},
    {"grandfather", 59, 0}, {"grandmother", 59, 1}, {"grew", 106, 0}, {"groom", 53, 0},
    {"grow", 106, 0}, {"growth", 106, 0}, {"guest", 73, 1}, {"guilty", 139, 0}, {"guy", 52, 0},
    {"happy", 148, 0}, {"hard", 16, 1}, {"hard", 20, 0}, {"hardware", 190, 0}, {"hate", 95, 1},
    {"hated", 95, 1}, {"he", 61, 0}, {"healthy", 166, 0}, {"heat", 0, 0}, {"heat", 216, 0},
    {"heaven", 241, 0}, {"heavy", 7, 0}, {"hell", 241, 1}, {"her", 61, 1}, {"hero", 80, 0},
    {"hers", 61, 1}, {"herself", 61, 1}, {"hidden", 126, 0}, {"hide", 126, 0}, {"high", 3, 0},
    {"him", 61, 0}, {"himself", 61, 0}, {"hire", 104, 0}, {"hired", 104, 0}, {"his", 61, 0},
    {"hit", 225, 0}, {"horizontal", 35, 1}, {"host", 73, 0}, {"hot", 0, 0}, {"huge", 4, 0},
    {"husband", 53, 0}, {"ill", 166, 1}, {"illegal", 140, 1}, {"import", 87, 0}, {"import", 181, 1},
    {"in", 39, 0}, {"inactive", 200, 1}, {"include", 125, 0}, {"included", 125, 0},
    {"including", 125, 0}, {"inclusive", 263, 0}, {"income", 86, 0}, {"income", 209, 0},
    {"incorrect", 144, 1}, {"increase", 106, 0}, {"indoor", 29, 0}, {"indoor", 198, 0},
    {"indoors", 29, 0}, {"inexpensive", 15, 0}, {"inferior", 176, 1}, {"inflation", 88, 0},
    {"informal", 199, 1}, {"inhale", 206, 0}, {"inner", 29, 0}, {"innocent", 139, 1},
    {"input", 85, 0}, {"insert", 117, 0}, {"inside", 29, 0}, {"install", 124, 0},
    {"interior", 29, 0}, {"internal", 29, 0}, {"international", 30, 1}, {"into", 39, 0},
    {"introvert", 189, 0}, {"introverted", 189, 0}, {"keep", 134, 0}, {"kept", 134, 0},
    {"kid", 62, 1}, {"kid", 63, 1}, {"kids", 62, 1}, {"kids", 63, 1}, {"king", 60, 0},
    {"lady", 52, 1}, {"landlord", 66, 0}, {"landlords", 66, 0}, {"large", 4, 0}, {"last", 155, 1},
    {"last", 156, 1}, {"late", 13, 1}, {"later", 158, 1}, {"laugh", 211, 0}, {"laughed", 211, 0},
    {"launch", 261, 0}, {"lawful", 140, 0}, {"leader", 74, 0}, {"leading", 262, 0},
    {"learn", 114, 1}, {"learned", 114, 1}, {"learnt", 114, 1}, {"least", 46, 1}, {"leave", 89, 1},
    {"leave", 219, 1}, {"left", 36, 0}, {"left", 89, 1}, {"legal", 140, 0}, {"lend", 111, 0},
    {"lengthy", 2, 0}, {"lent", 111, 0}, {"less", 47, 1}, {"liability", 83, 1}, {"lie", 251, 1},
    {"light", 7, 1}, {"lightweight", 7, 1}, {"like", 95, 0}, {"liquid", 20, 1}, {"listen", 221, 1},
    {"little", 4, 1}, {"little", 48, 1}, {"live", 226, 0}, {"lived", 226, 0}, {"living", 93, 0},
    {"load", 196, 0}, {"loaded", 196, 0}, {"local", 31, 0}, {"lock", 122, 0}, {"locked", 122, 0},
    {"login", 132, 0}, {"logout", 132, 1}, {"long", 2, 0}, {"loosen", 233, 1}, {"lose", 99, 1},
    {"lose", 224, 1}, {"loser", 78, 1}, {"losing", 99, 1}, {"loss", 81, 1}, {"lost", 99, 1},
    {"lost", 224, 1}, {"loud", 27, 0}, {"love", 95, 0}, {"loved", 95, 0}, {"low", 3, 1},
    {"lower", 32, 1}, {"lower", 105, 1}, {"major", 45, 0}, {"majority", 175, 0}, {"male", 52, 0},
    {"man", 52, 0}, {"mandatory", 184, 0}, {"manual", 170, 0}, {"many", 48, 0}, {"married", 172, 1},
    {"married", 212, 0}, {"marry", 212, 0}, {"master", 76, 0}, {"maternal", 173, 0}, {"max", 46, 0},
    {"maximum", 46, 0}, {"meat", 214, 0}, {"melt", 128, 1}, {"melt", 217, 0}, {"men", 52, 0},
    {"mend", 227, 0}, {"mild", 249, 1}, {"min", 46, 1}, {"minimum", 46, 1}, {"minor", 45, 1},
    {"minority", 175, 1}, {"minus", 49, 1}, {"minus", 50, 1}, {"miss", 225, 1}, {"missed", 225, 1},
    {"mistrust", 234, 1}, {"modern", 11, 1}, {"moist", 19, 0}, {"mom", 54, 1}, {"more", 47, 0},
    {"morning", 161, 0}, {"most", 46, 0}, {"mother", 54, 1}, {"mother", 64, 0}, {"much", 48, 0},
    {"multiplication", 51, 0}, {"multiply", 51, 0}, {"mum", 54, 1}, {"mute", 127, 0},
    {"muted", 127, 0}, {"narrow", 5, 1}, {"natural", 167, 0}, {"near", 154, 0}, {"nearby", 154, 0},
    {"negative", 43, 1}, {"neither", 205, 1}, {"nephew", 58, 0}, {"never", 150, 1}, {"new", 11, 1},
    {"new", 12, 0}, {"next", 156, 0}, {"niece", 58, 1}, {"night", 160, 1}, {"nighttime", 160, 1},
    {"no", 143, 1}, {"nobody", 204, 1}, {"noise", 243, 0}, {"noisy", 27, 0}, {"none", 204, 1},
    {"north", 41, 0}, {"northern", 41, 0}, {"nothing", 204, 1}, {"noun", 192, 0},
    {"novice", 239, 1}, {"odd", 44, 1}, {"off", 40, 1}, {"offense", 103, 0}, {"offline", 171, 1},
    {"often", 150, 0}, {"old", 11, 0}, {"on", 40, 0}, {"online", 171, 0}, {"open", 121, 0},
    {"opened", 121, 0}, {"opening", 91, 0}, {"optimist", 178, 0}, {"optimistic", 178, 0},
    {"optional", 184, 1}, {"organic", 167, 0}, {"original", 244, 0}, {"out", 39, 1},
    {"outdoor", 29, 1}, {"outdoor", 198, 1}, {"outdoors", 29, 1}, {"outer", 29, 1},
    {"output", 85, 1}, {"outside", 29, 1}, {"over", 38, 0}, {"overweight", 153, 0}, {"own", 113, 1},
    {"pain", 245, 0}, {"parent", 62, 0}, {"parents", 62, 0}, {"pass", 100, 0}, {"passed", 100, 0},
    {"passive", 200, 1}, {"past", 159, 0}, {"paternal", 173, 1}, {"patient", 70, 1},
    {"pause", 228, 1}, {"peace", 96, 0}, {"peaceful", 96, 0}, {"permanent", 183, 1},
    {"permit", 119, 0}, {"permitted", 119, 0}, {"pessimist", 178, 1}, {"pessimistic", 178, 1},
    {"physical", 169, 0}, {"physician", 70, 0}, {"plaintiff", 71, 0}, {"play", 228, 0},
    {"pleasure", 245, 1}, {"plural", 187, 1}, {"plus", 49, 0}, {"pm", 164, 1}, {"poor", 14, 1},
    {"positive", 43, 0}, {"post", 215, 1}, {"poverty", 252, 1}, {"praise", 229, 0},
    {"predator", 72, 0}, {"prefix", 191, 0}, {"present", 152, 0}, {"prevent", 257, 0},
    {"prevented", 257, 0}, {"prevents", 257, 0}, {"previous", 156, 1}, {"prey", 72, 1},
    {"private", 28, 1}, {"pro", 203, 0}, {"problem", 246, 0}, {"professor", 68, 0},
    {"profit", 81, 0}, {"prohibit", 119, 1}, {"prohibited", 119, 1}, {"pros", 254, 0},
    {"protected", 28, 1}, {"public", 28, 0}, {"pull", 108, 1}, {"punish", 230, 1}, {"pupil", 68, 1},
    {"purchaser", 67, 0}, {"push", 108, 0}, {"queen", 60, 1}, {"question", 115, 0},
    {"quick", 10, 0}, {"quiet", 27, 1}, {"quit", 134, 1}, {"quit", 261, 1}, {"raise", 105, 0},
    {"rapid", 10, 0}, {"rare", 149, 0}, {"rarely", 150, 1}, {"raw", 24, 0}, {"read", 222, 0},
    {"reader", 77, 1}, {"real", 168, 0}, {"rear", 34, 1}, {"recall", 101, 0}, {"receive", 110, 1},
    {"received", 110, 1}, {"receiver", 69, 1}, {"receivers", 69, 1}, {"recipient", 69, 1},
    {"refuse", 118, 1}, {"refused", 118, 1}, {"reject", 118, 1}, {"rejected", 118, 1},
    {"remember", 101, 0}, {"remote", 31, 1}, {"remove", 117, 1}, {"rent", 113, 0},
    {"repair", 227, 0}, {"repel", 182, 1}, {"required", 184, 0}, {"result", 213, 1},
    {"results", 213, 1}, {"retail", 197, 1}, {"reveal", 126, 1}, {"revenue", 86, 0},
    {"reward", 230, 0}, {"rich", 14, 0}, {"right", 36, 1}, {"right", 144, 0}, {"rigid", 20, 0},
    {"rise", 106, 0}, {"risk", 255, 1}, {"risks", 255, 1}, {"risky", 141, 1}, {"rose", 106, 0},
    {"rotten", 25, 1}, {"rough", 21, 1}, {"run", 235, 1}, {"rural", 247, 0}, {"sad", 148, 1},
    {"safe", 141, 0}, {"sale", 112, 1}, {"salty", 26, 1}, {"sank", 218, 0}, {"save", 133, 0},
    {"save", 236, 1}, {"save", 259, 0}, {"scold", 229, 1}, {"secure", 141, 0}, {"seldom", 150, 1},
    {"sell", 112, 1}, {"seller", 67, 1}, {"sellers", 67, 1}, {"send", 110, 0}, {"sender", 69, 0},
    {"senders", 69, 0}, {"sent", 110, 0}, {"separately", 201, 1}, {"server", 75, 1},
    {"shallow", 9, 1}, {"sharp", 22, 0}, {"she", 61, 1}, {"short", 1, 1}, {"short", 2, 1},
    {"shout", 237, 1}, {"show", 126, 1}, {"shown", 126, 1}, {"shrank", 106, 1}, {"shrink", 106, 1},
    {"shrinkage", 106, 1}, {"shut", 121, 1}, {"sick", 166, 1}, {"signin", 132, 0},
    {"signout", 132, 1}, {"silence", 127, 0}, {"silence", 243, 1}, {"silent", 27, 1},
    {"simple", 16, 0}, {"single", 172, 0}, {"singular", 187, 0}, {"sink", 218, 0},
    {"sister", 55, 1}, {"sit", 210, 0}, {"sitting", 210, 0}, {"skinny", 153, 1}, {"slave", 76, 1},
    {"slavery", 207, 1}, {"sleep", 220, 1}, {"slept", 220, 1}, {"slim", 153, 1}, {"slow", 10, 1},
    {"small", 4, 1}, {"smile", 231, 0}, {"smooth", 21, 0}, {"sober", 248, 0}, {"soft", 20, 1},
    {"software", 190, 1}, {"sold", 112, 1}, {"solid", 20, 0}, {"solution", 246, 1},
    {"sometimes", 151, 1}, {"son", 56, 0}, {"son", 64, 1}, {"sour", 26, 1}, {"south", 41, 1},
    {"southern", 41, 1}, {"speak", 221, 0}, {"spend", 209, 1}, {"spend", 259, 1}, {"spent", 209, 1},
    {"spicy", 249, 0}, {"stale", 25, 1}, {"stand", 210, 1}, {"standing", 210, 1}, {"start", 91, 0},
    {"started", 91, 0}, {"static", 186, 0}, {"stay", 219, 0}, {"stop", 134, 1},
    {"strength", 250, 0}, {"strengthen", 232, 0}, {"strong", 17, 0}, {"student", 68, 1},
    {"students", 68, 1}, {"subtract", 50, 1}, {"subtraction", 50, 1}, {"succeed", 98, 0},
    {"success", 98, 0}, {"successful", 98, 0}, {"suffix", 191, 1}, {"summer", 163, 0},
    {"sunrise", 162, 0}, {"sunset", 162, 1}, {"superior", 176, 0}, {"supply", 84, 0},
    {"sweet", 26, 0}, {"synthetic", 167, 1}, {"talk", 221, 0}, {"tall", 1, 0}, {"taught", 114, 0},
    {"teach", 114, 0}, {"teacher", 68, 0}, {"teachers", 68, 0}, {"temporary", 183, 0},
    {"tenant", 66, 1}, {"tenants", 66, 1}, {"thaw", 128, 1}, {"thick", 6, 0}, {"thin", 6, 1},
    {"thin", 153, 1}, {"threw", 109, 0}, {"throw", 109, 0}, {"tighten", 233, 0}, {"tiny", 4, 1},
    {"together", 201, 0}, {"top", 33, 0}, {"tough", 16, 1}, {"tragedy", 238, 1},
    {"trailing", 262, 1}, {"true", 142, 0}, {"trust", 234, 0}, {"truth", 251, 0}, {"uncle", 57, 0},
    {"under", 38, 1}, {"underneath", 38, 1}, {"underweight", 153, 1}, {"unfreeze", 128, 1},
    {"unhappy", 148, 1}, {"unhealthy", 166, 1}, {"uninstall", 124, 1}, {"unlawful", 140, 1},
    {"unload", 196, 1}, {"unlock", 122, 1}, {"unmute", 127, 1}, {"unsafe", 141, 1},
    {"unzip", 195, 1}, {"up", 37, 0}, {"upload", 131, 0}, {"upper", 32, 0}, {"upstairs", 37, 0},
    {"upward", 37, 0}, {"upwards", 37, 0}, {"urban", 247, 1}, {"use", 135, 1}, {"used", 12, 1},
    {"usually", 150, 0}, {"vanish", 138, 1}, {"vegan", 214, 1}, {"vegetable", 214, 1},
    {"vegetarian", 214, 1}, {"vendor", 67, 1}, {"verb", 192, 1}, {"vertical", 35, 0},
    {"victory", 97, 0}, {"villain", 80, 1}, {"virtual", 169, 1}, {"voluntary", 184, 1},
    {"vowel", 188, 1}, {"wake", 220, 0}, {"walk", 235, 0}, {"war", 96, 1}, {"warm", 0, 0},
    {"waste", 236, 0}, {"weak", 17, 1}, {"weaken", 232, 1}, {"weakness", 250, 1},
    {"wealth", 252, 0}, {"wealthy", 14, 0}, {"well", 48, 0}, {"went", 223, 1}, {"west", 42, 1},
    {"western", 42, 1}, {"wet", 19, 0}, {"whisper", 237, 0}, {"white", 165, 1},
    {"wholesale", 197, 0}, {"wide", 5, 0}, {"wife", 53, 1}, {"win", 99, 0}, {"winner", 78, 0},
    {"winter", 163, 1}, {"wired", 185, 0}, {"wireless", 185, 1}, {"with", 202, 0},
    {"without", 202, 1}, {"woke", 220, 0}, {"woman", 52, 1}, {"women", 52, 1}, {"won", 99, 0},
    {"worker", 65, 1}, {"worse", 146, 1}, {"worst", 147, 1}, {"write", 222, 1}, {"writer", 77, 0},
    {"written", 222, 1}, {"wrong", 144, 1}, {"wrote", 222, 1}, {"yes", 143, 0}, {"young", 11, 1},
    {"zip", 195, 0},
};
/* clang-format on */

_Static_assert(GUARD_PAIRS > 264, "one bit for each pair");

/* The first entry that is not before the word. */
static size_t place_of(const char *word, size_t len)
{
    size_t low = 0, high = COUNT_OF(sides);
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strncmp(sides[middle].word, word, len) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static bool take(struct guard_sides *out, const char *word, size_t len)
{
    bool found = false;
    for (size_t i = place_of(word, len); i < COUNT_OF(sides); i++) {
        if (strncmp(sides[i].word, word, len) != 0) break;
        if (sides[i].word[len]) continue;
        uint64_t *bits = sides[i].second ? out->second : out->first;
        bits[sides[i].pair / 64] |= (uint64_t)1 << sides[i].pair % 64;
        found = true;
    }
    return found;
}

void guard_take_sides(struct guard_sides *out, const char *word, size_t len)
{
    static const char *const endings[] = {"s",  "es", "d",   "ed",  "r",
                                          "er", "st", "est", "ing", "ly"};
    if (memchr(word, 0, len) || take(out, word, len)) return;
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        const size_t size = strlen(endings[i]);
        if (len < size + 3 || memcmp(word + len - size, endings[i], size) != 0) continue;
        size_t stem = len - size;
        if (take(out, word, stem)) return;
        if (stem > 3 && word[stem - 1] == word[stem - 2] && take(out, word, stem - 1)) return;
    }
}

/* One has this side alone, the other that side alone. */
bool guard_sides_differ(const struct guard_sides *a, const struct guard_sides *b)
{
    for (size_t i = 0; i < COUNT_OF(a->first); i++) {
        const uint64_t here = a->first[i] & ~a->second[i], there = a->second[i] & ~a->first[i];
        const uint64_t mine = b->first[i] & ~b->second[i], theirs = b->second[i] & ~b->first[i];
        if ((here & theirs) | (there & mine)) return true;
    }
    return false;
}
