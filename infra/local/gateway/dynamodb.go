package gateway

import "context"

// dynamoDBCorrections are those of DynamoDB.
var dynamoDBCorrections = map[string]correction{
	"DynamoDB_20120810.PutItem":            (*Gateway).writeItem,
	"DynamoDB_20120810.UpdateItem":         (*Gateway).writeItem,
	"DynamoDB_20120810.DeleteItem":         (*Gateway).writeItem,
	"DynamoDB_20120810.BatchWriteItem":     (*Gateway).writeItem,
	"DynamoDB_20120810.TransactWriteItems": (*Gateway).refuseTransaction,
}

// writeItem lets one write pass at a time: moto looks at the condition in one
// step and writes in another, so that of two writers at once both may win.
func (g *Gateway) writeItem(ctx context.Context, call *Call) *Answer {
	g.items.Lock()
	defer g.items.Unlock()
	return g.forward(ctx, call)
}

// refuseTransaction: a transaction that fails on moto puts back an old copy of
// the table and so undoes the writes of others. It is refused, so that nothing
// comes to rely on it; single-item conditional writes are sound.
func (g *Gateway) refuseTransaction(context.Context, *Call) *Answer {
	return refuse("ValidationException", "The local stack does not run TransactWriteItems: a failing one loses the writes of others. Use single-item conditional writes.")
}
