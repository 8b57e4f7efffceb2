// Command await is the Lambda function that stores the task tokens of a
// request's two waits.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sso-elevator/functions/internal/env"
	"sso-elevator/functions/internal/lambdaerr"
	"sso-elevator/functions/internal/leases"
	"sso-elevator/functions/internal/requests"
	"sso-elevator/functions/internal/tasktoken"
)

type settings struct {
	Table    string     `env:"ELEVATOR_TABLE,required"`
	LogLevel slog.Level `env:"ELEVATOR_LOG_LEVEL"`
}

func main() { os.Exit(run()) }

func run() int {
	var s settings
	if err := env.Read(&s, os.LookupEnv); err != nil {
		slog.Error("the environment is not complete", "error", err)
		return 1
	}
	logger := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: s.LogLevel}))
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		logger.Error("no AWS configuration", "error", err)
		return 1
	}
	h := &Handler{
		Table:  requests.New(dynamodb.NewFromConfig(cfg), s.Table),
		Tokens: tasktoken.Resumer{API: sfn.NewFromConfig(cfg)},
		Sleep:  leases.Sleep,
		Log:    logger,
	}
	lambda.Start(func(ctx context.Context, in Input) (struct{}, error) {
		out, err := h.Handle(ctx, in)
		return out, lambdaerr.Convert(err)
	})
	return 0
}
