package revoke

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/table"
)

// table implements only the parts of DynamoDB that the count of removals needs.
type memory struct {
	table.API
	mu    sync.Mutex
	items map[string]map[string]types.AttributeValue
}

func keyOf(of map[string]types.AttributeValue) string {
	return of["pk"].(*types.AttributeValueMemberS).Value
}

func (t *memory) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &dynamodb.GetItemOutput{Item: t.items[keyOf(in.Key)]}, nil
}

func (t *memory) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, there := t.items[keyOf(in.Item)]
	holds := false
	switch *in.ConditionExpression {
	case "attribute_not_exists(#pk)":
		holds = !there
	case "#version = :expect":
		version, ok := before["version"].(*types.AttributeValueMemberN)
		holds = ok && version.Value == in.ExpressionAttributeValues[":expect"].(*types.AttributeValueMemberN).Value
	default:
		return nil, fmt.Errorf("a condition that is not known here: %s", *in.ConditionExpression)
	}
	if !holds {
		return nil, &types.ConditionalCheckFailedException{}
	}
	t.items[keyOf(in.Item)] = in.Item
	return &dynamodb.PutItemOutput{}, nil
}

// counted has runs in a map, and the count of removals in the table.
type counted struct {
	*table.Table
	runs map[string]access.Run
}

func (c counted) Run(_ context.Context, id string) (access.Run, error) { return c.runs[id], nil }

type endless struct{}

func (endless) Finding(context.Context, string, int) (access.Finding, error) {
	return access.Finding{Subject: subject}, nil
}

func (endless) FirstSeen(context.Context, string, time.Time) (time.Time, error) {
	return time.Time{}, nil
}

// Removals come in runs of any size and kind, in turn or at once, over days. Within 24
// hours, no more findings than the limit are removed without a person's consent.
func TestSlicedRemovalsStayWithinTheLimit(t *testing.T) {
	removedInAll, consented, refused := 0, 0, 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 9))
		limit := r.IntN(6)
		var mu sync.Mutex
		now := nine
		var removed []time.Time // without a person's consent
		c := counted{table.New(&memory{items: map[string]map[string]types.AttributeValue{}}, "t"), map[string]access.Run{}}
		h := &Handler{
			Leases: &mockLeases{drift: func(_ access.Finding, ref access.FindingRef, reserve func(context.Context) error) error {
				if reserve != nil {
					if err := reserve(t.Context()); err != nil {
						return err
					}
				}
				mu.Lock()
				defer mu.Unlock()
				if run := c.runs[ref.Run]; !run.MayRemove(ref.Index) {
					t.Errorf("seed %d: %+v removes its finding %d", seed, run, ref.Index)
				} else if run.Guard == "" {
					removed = append(removed, now)
				} else if by := run.AnswerAbout(ref.Index).By; by.Email != "ann@example.com" {
					t.Errorf("seed %d: %s lets something be removed", seed, by.Email)
				} else {
					consented++
				}
				return nil
			}},
			Findings: endless{}, Table: c, Users: users{}, Policy: anyPolicy{}, Catalog: units{}, Limit: limit,
			Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
		}
		for round := range 40 {
			now = now.Add(time.Duration(r.Int64N(int64(4 * time.Hour))))
			run := access.Run{
				ID: fmt.Sprint("r", round), Partial: r.IntN(4) == 0, Mode: []access.DriftMode{access.DriftRevoke, access.DriftRevoke, access.DriftWarn}[r.IntN(3)],
				Guard: []access.Guard{"", "", access.GuardTooMany}[r.IntN(3)],
			}
			if r.IntN(3) == 0 {
				by := []access.Person{{Email: "ann@example.com", PrincipalID: "p-ann"}, {Email: "eve@example.com", PrincipalID: "p-eve"}}[r.IntN(2)]
				run.Answer = &access.RunAnswer{Remove: r.IntN(2) == 0, At: now, By: by, Findings: [][2]int{{r.IntN(3), 3 + r.IntN(5)}}}
				run.Answers = []access.RunAnswer{*run.Answer}
			}
			c.runs[run.ID] = run
			var all sync.WaitGroup
			for i := range r.IntN(8) {
				all.Go(func() {
					in := Input{Input: host.Input{Operation: "drift", Run: run.ID}, Index: i}
					for {
						_, err := h.Handle(t.Context(), in)
						switch access.CodeOf(err) {
						case access.CodeConflict:
							continue
						case "", access.CodeOverLimit, access.CodeRefused:
						default:
							t.Errorf("seed %d: %v", seed, err)
						}
						if err != nil {
							mu.Lock()
							refused++
							mu.Unlock()
						}
						return
					}
				})
			}
			all.Wait()
		}
		slices.SortFunc(removed, time.Time.Compare)
		for i := range removed {
			within := 0
			for _, at := range removed[i:] {
				if at.Sub(removed[i]) <= 24*time.Hour {
					within++
				}
			}
			if within > limit {
				t.Fatalf("seed %d: %d removals within 24 hours from %v, and the limit is %d", seed, within, removed[i], limit)
			}
		}
		removedInAll += len(removed)
	}
	if removedInAll < 300 || refused < 300 || consented < 50 {
		t.Errorf("%d removals, %d with consent, and %d refusals: it shows nothing", removedInAll, consented, refused)
	}
}
