package simulation

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// scripted returns a function that gives the next answer: JSON, "sleep" to hang
// forever, "resume" to use its task token, or the name of an error. It appends each
// payload to told.
func scripted(w *world, answers, told *[]string) handler {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		*told = append(*told, string(payload))
		next := (*answers)[0]
		*answers = (*answers)[1:]
		switch {
		case next[0] == '{':
			return []byte(next), nil
		case next == "sleep":
			return nil, sleep(ctx, time.Hour)
		case next == "resume":
			var in struct {
				Token string `json:"token"`
			}
			if err := json.Unmarshal(payload, &in); err != nil {
				return nil, err
			}
			_, err := w.steps.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &in.Token, Output: aws.String(`{"resumed": true}`)})
			return []byte("{}"), err
		}
		return nil, messages.InvokeResponse_Error{Type: next, Message: "as it was told"}
	}
}
