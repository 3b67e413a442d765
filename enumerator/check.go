package enumerator

import (
	"fmt"
	"time"
)

func checkPositive[N int | time.Duration](function, argument string, n N) {
	if n <= 0 {
		panic(fmt.Sprintf("enumerator: %s: %s must be positive, got %v", function, argument, n))
	}
}
