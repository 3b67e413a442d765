package main

import "errors"

type nodeConfig struct{ name, data, serve, listen, routes string }

func runNode(c nodeConfig) error { return errors.New("not yet") }
