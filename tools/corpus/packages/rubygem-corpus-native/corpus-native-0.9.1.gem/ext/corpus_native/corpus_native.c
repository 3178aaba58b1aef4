#include <ruby.h>

static VALUE answer(VALUE self)
{
    return INT2FIX(42);
}

void Init_corpus_native(void)
{
    VALUE module = rb_define_module("CorpusNative");
    rb_define_singleton_method(module, "answer", answer, 0);
}
