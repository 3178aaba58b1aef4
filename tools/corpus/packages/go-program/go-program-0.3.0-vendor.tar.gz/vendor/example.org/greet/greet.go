package greet

func Greeting() string {
	return "hello"
}
