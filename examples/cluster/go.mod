module github.com/halley-go/halley/examples/cluster

go 1.26.0

replace (
	github.com/halley-go/halley => ../..
	github.com/halley-go/halley/enumerator/topics/jetstream => ../../enumerator/topics/jetstream
)

require (
	github.com/chromedp/chromedp v0.23.0
	github.com/halley-go/halley v0.0.0
	github.com/halley-go/halley/enumerator/topics/jetstream v0.0.0
	github.com/nats-io/nats.go v1.55.0
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
)
