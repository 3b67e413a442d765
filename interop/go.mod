module github.com/halley-go/halley/interop

go 1.26.0

ignore ./node_modules

replace github.com/halley-go/halley => ../

require (
	github.com/halley-go/halley v0.0.0-00010101000000-000000000000
	github.com/stretchr/testify v1.12.1
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/text v0.43.0 // indirect
)
