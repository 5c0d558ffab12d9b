// Command probe is an application without a shell: it prints a file, or its environment, and waits or ends.
//
//	probe [-wait] [-env NAME] [-file PATH]
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	wait := flag.Bool("wait", false, "wait for SIGTERM; SIGHUP prints all again")
	name := flag.String("env", "", "print a variable")
	path := flag.String("file", "", "print a file")
	flag.Parse()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	for {
		if *name != "" {
			value, found := os.LookupEnv(*name)
			fmt.Printf("env %s=%q %t\n", *name, value, found)
		}
		if *path != "" {
			content, err := os.ReadFile(*path)
			fmt.Printf("file %s=%q %v\n", *path, content, err)
		}
		if !*wait || <-signals != syscall.SIGHUP {
			return
		}
	}
}
