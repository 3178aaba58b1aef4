int staticlibrary(void);
