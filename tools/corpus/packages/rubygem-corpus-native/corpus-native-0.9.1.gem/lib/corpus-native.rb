require "corpus_native"
