package twice

import "testing"

func TestTwice(t *testing.T) {
	if Twice(21) != 42 {
		t.Fail()
	}
}
