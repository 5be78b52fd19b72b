#define COPY control
#define READER_BOUND 2
#include "stress/reader_copy.inc"
