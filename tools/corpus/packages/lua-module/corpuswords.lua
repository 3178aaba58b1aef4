return { "words" }
