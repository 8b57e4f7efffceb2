package main

import "context"

func measurePress(context.Context, *bench) ([]line, error) { return nil, nil }
