#include <stdio.h>

int main(void) {
  printf("Hello from a package built by Copr, with gcc %s\n", __VERSION__);
  return 0;
}
