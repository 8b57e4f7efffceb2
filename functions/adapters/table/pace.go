package table

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

func paceKey() item { return item{AttributeKey: &types.AttributeValueMemberS{Value: PaceKey}} }

// Pace reads the pace that all scans share, with strong consistency. It is zero if there
// is no row yet.
func (t *Table) Pace(ctx context.Context) (p access.Pace, err error) {
	_, err = t.read(ctx, paceKey(), "read the pace of scans", &p)
	return p, err
}

// PutPace writes the pace if the row's version is still that of p, and returns the row
// with its new version. It doesn't write YieldUntil. won is false if another scan wrote
// the row.
func (t *Table) PutPace(ctx context.Context, p access.Pace) (stored access.Pace, won bool, err error) {
	c := change{
		doing: "write the pace of scans",
		set:   map[string]any{"next": p.Next.UTC(), "rate": p.Rate, "changed": p.Changed.UTC(), "version": p.Version + 1},
		fresh: p.Version == 0,
	}
	if !c.fresh {
		c.where, c.values = "#version = :expect", map[string]any{"expect": p.Version}
	}
	won, err = t.write(ctx, paceKey(), c, &stored)
	return stored, won, err
}

// AskToYield makes all scans stop until then. Without a row there are no scans, and
// nothing is written.
func (t *Table) AskToYield(ctx context.Context, until time.Time) error {
	_, err := t.write(ctx, paceKey(), change{doing: "ask scans to yield", set: map[string]any{"yield_until": until.UTC()}}, &access.Pace{})
	return err
}
