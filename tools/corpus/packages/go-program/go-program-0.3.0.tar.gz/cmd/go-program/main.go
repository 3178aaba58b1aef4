package main

import (
	"fmt"

	"example.org/greet"
	"github.com/corpus/go-program/twice"
)

func main() {
	fmt.Println(greet.Greeting(), twice.Twice(21))
}
