#define COPY delayed
#include "stress/reader_copy.inc"
