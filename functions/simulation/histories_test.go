package simulation

import (
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var (
	histories = flag.Int("histories", 0, "how many random histories are played; 0: as many as there is time for")
	seed      = flag.Uint64("seed", 0, "play only the history of this seed, and tell it")
	first     = flag.Uint64("first", 1, "the seed of the first history")
	kind      = flag.String("kind", "", "play histories of this kind of trouble only")
	budget    = flag.Duration("budget", 0, "stop after this time; 0: when all histories are played")
)

// This is how long histories run by default, and with -short. With the race detector,
// 10 s are about 50 histories, with each kind of trouble at least twice. A fast machine
// plays at most usualHistories.
const (
	usualHistories = 1000
	usualBudget    = 15 * time.Second
	shortBudget    = 10 * time.Second
)

// TestMain limits Go to one processor, because a history runs one goroutine at a time
// and is fastest that way.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	os.Exit(m.Run())
}

// troubleOf returns what goes wrong in the history of a seed.
func troubleOf(seed uint64) trouble {
	for _, t := range troubles {
		if t.name == *kind {
			return t
		}
	}
	return troubles[seed%uint64(len(troubles))]
}

// one plays the history of a seed. It returns the broken invariants, the story if tell
// is set, and how often things happened.
func one(t *testing.T, seed uint64, tell bool) (broken []string, story string, came tally) {
	var told *strings.Builder
	if tell {
		told = &strings.Builder{}
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(seed, troubleOf(seed), start, told)
		w.play()
		broken, came = w.violations, w.ledger.tally()
		w.clock.end()
	})
	if tell {
		story = told.String()
	}
	return broken, story, came
}

func TestHistories(t *testing.T) {
	if *seed != 0 {
		broken, story, came := one(t, *seed, true)
		fmt.Println(story)
		fmt.Printf("seed %d (%s): %+v\n", *seed, troubleOf(*seed).name, came)
		for _, b := range broken {
			t.Errorf("seed %d: %s", *seed, b)
		}
		return
	}
	if *histories == 0 {
		*histories = math.MaxInt
		if *budget == 0 {
			*histories = usualHistories
			*budget = usualBudget
			if testing.Short() {
				*budget = shortBudget
			}
		}
	}
	debug.SetGCPercent(400) // a history keeps little memory but makes much garbage
	began := time.Now()
	var all tally
	played, failed := 0, 0
	for s := *first; played < *histories; s++ {
		broken, _, came := one(t, s, false)
		all.add(came)
		played++
		if len(broken) > 0 {
			failed++
			t.Errorf("seed %d (%s): %s", s, troubleOf(s).name, strings.Join(broken, "; "))
			if failed == 10 {
				break
			}
		}
		if *budget > 0 && time.Since(began) > *budget {
			break
		}
	}
	if played >= 100 && *kind == "" && (all.Granted < played/2 || all.Kept == 0 || all.Denied == 0 || all.Sweeps == 0 || all.DriftRemoved == 0 ||
		all.Overlaps < played/20 || all.Repeated < played/10 || all.TooMany == 0 && played >= 300 || all.BySeveral == 0 || all.Confirmed == 0 || all.ByMembership == 0 || all.Moves == 0 || all.NotPermitted == 0 || all.TakenBack == 0 && played >= 300 ||
		all.Extended < played/10 || all.EndedTogether < played/50 || all.EndedLate == 0 && played >= 300 || all.ChainsTooLong == 0 && played >= 300 ||
		all.Blocked == 0 || all.BlockEnded == 0 || (all.Lifted == 0 || all.BlockRefused == 0 || all.BlockInTime == 0) && played >= 300 || (all.PressRemoved == 0 || all.Left == 0) && played >= 2000) {
		t.Error("hardly anything happens: it shows nothing")
	}
	took := time.Since(began)
	t.Logf("%d histories in %v, %.0f a minute, %d broken: %+v", played, took.Round(time.Millisecond), float64(played)/took.Minutes(), failed, all)
}
