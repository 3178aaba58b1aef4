int mesonlibrary_bound(int size);
int mesonlibrary_level(void);
