// Command await is the Lambda function that stores the task tokens of a
// request's two waits, and of a run's wait for an answer.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sso-elevator/functions/internal/awsconfig"
	"sso-elevator/functions/internal/env"
	"sso-elevator/functions/internal/requests"
	"sso-elevator/functions/internal/task"
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
	logger := task.Logger(s.LogLevel)
	cfg, err := awsconfig.FromEnvironment(os.LookupEnv)
	if err != nil {
		logger.Error("no AWS configuration", "error", err)
		return 1
	}
	h := &Handler{
		Table:  requests.New(dynamodb.NewFromConfig(cfg), s.Table),
		Tokens: tasktoken.Resumer{API: sfn.NewFromConfig(cfg)},
		Sleep:  sleep,
	}
	task.Start(logger, h.Handle)
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
