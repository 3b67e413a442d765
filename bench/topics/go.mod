module github.com/halley-go/halley/bench/topics

go 1.26.0

replace (
	github.com/halley-go/halley => ../../
	github.com/halley-go/halley/enumerator/topics/jetstream => ../../enumerator/topics/jetstream
)

require (
	github.com/halley-go/halley v0.0.0-00010101000000-000000000000
	github.com/halley-go/halley/enumerator/topics/jetstream v0.0.0-00010101000000-000000000000
	github.com/nats-io/nats.go v1.55.0
	github.com/stretchr/testify v1.12.1
)
