// Package mlog stands in for monis.app/mlog, which not every Go module proxy
// holds. The driver's packages use one function of it, in the entry point of a
// server that nothing here starts. The driver's own code is unchanged.
package mlog

import "log"

// Fatal logs err and exits.
func Fatal(err error, _ ...any) { log.Fatal(err) }
