module github.com/corpus/go-program

go 1.18

require example.org/greet v1.0.0
