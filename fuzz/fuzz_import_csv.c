/* CSV files. Asserts what fuzz_import.h says; the whole input is the file. */
#include "fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_import(data, size, IMPORT_CSV);
}
