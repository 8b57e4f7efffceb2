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

// writeItem lets one write pass at a time. moto checks the condition in one step
// and writes in another, so two concurrent writers might both succeed.
func (g *Gateway) writeItem(ctx context.Context, call *Call) *Answer {
	g.items.Lock()
	defer g.items.Unlock()
	return g.forward(ctx, call)
}

// refuseTransaction refuses every transaction, so that nothing relies on them. A
// failing transaction in moto restores an old copy of the table and undoes the
// writes of others. Conditional writes of single items are sound.
func (g *Gateway) refuseTransaction(context.Context, *Call) *Answer {
	return refuse("ValidationException", "The local stack does not support TransactWriteItems, because a failed transaction would undo other writes. Use single-item conditional writes.")
}
