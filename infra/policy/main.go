// Command policy says what the policy in an elevator.yaml decides, and why:
// for one request, or for a file of them. It reads nothing but that file.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
