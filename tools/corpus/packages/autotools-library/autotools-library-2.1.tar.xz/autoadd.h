int autoadd(int a, int b);
