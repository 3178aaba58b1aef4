require "mkmf"
create_makefile("corpus_native")
