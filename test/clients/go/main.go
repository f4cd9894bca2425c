// The AWS SDK for Go v2: cases in, one line of observation a case out (see ../protocol.py).
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"regexp"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrock"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/auth/bearer"
	"github.com/aws/smithy-go/middleware"
)

type endpoint struct {
	Url             string `json:"url"`
	Region          string `json:"region"`
	AccessKeyId     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
	Bearer          string `json:"bearer"`
}

type testCase struct {
	Case     string         `json:"case"`
	Api      string         `json:"api"`
	Call     string         `json:"call"`
	Stream   bool           `json:"stream"`
	Attempts int            `json:"attempts"`
	Request  map[string]any `json:"request"`
	Endpoint endpoint       `json:"endpoint"`
}

// What this SDK does not offer; the text says which.
type unsupported string

func (u unsupported) Error() string { return string(u) }

type clientKey struct {
	api      string
	attempts int
	endpoint endpoint
}

var clients = map[clientKey]any{}

func clientOf(c testCase) any {
	key := clientKey{c.Api, c.Attempts, c.Endpoint}
	if clients[key] == nil {
		clients[key] = newClient(c)
	}
	return clients[key]
}

// The SDK's own client, with the request's body in memory. smithy-go 1.28.9 closes the body as soon as the answer's head
// is there; where that is within a millisecond, net/http is not done with it yet, takes the EOF for a failed write and
// closes the connection under the answer.
type inMemory struct{ sdk *awshttp.BuildableClient }

func (i inMemory) Do(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
	}
	return i.sdk.Do(request)
}

func newClient(c testCase) any {
	e := c.Endpoint
	sender := inMemory{awshttp.NewBuildableClient()}
	keys := credentials.NewStaticCredentialsProvider(e.AccessKeyId, e.SecretAccessKey, "")
	retryer := retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = c.Attempts })
	token := bearer.StaticTokenProvider{Token: bearer.Token{Value: e.Bearer}}
	switch c.Api {
	case "bedrock-runtime":
		o := bedrockruntime.Options{Region: e.Region, BaseEndpoint: &e.Url, Credentials: keys, Retryer: retryer, HTTPClient: sender}
		if e.Bearer != "" {
			o.Credentials, o.BearerAuthTokenProvider = nil, token
			o.AuthSchemePreference = []string{"httpBearerAuth"}
		}
		return bedrockruntime.New(o)
	case "bedrock":
		return bedrock.New(bedrock.Options{Region: e.Region, BaseEndpoint: &e.Url, Credentials: keys, Retryer: retryer, HTTPClient: sender})
	case "cloudtrail":
		return cloudtrail.New(cloudtrail.Options{Region: e.Region, BaseEndpoint: &e.Url, Credentials: keys, Retryer: retryer, HTTPClient: sender})
	default:
		return sts.New(sts.Options{Region: e.Region, BaseEndpoint: &e.Url, Credentials: keys, Retryer: retryer, HTTPClient: sender})
	}
}

func observe(c testCase) (map[string]any, error) {
	method := reflect.ValueOf(clientOf(c)).MethodByName(c.Call)
	if !method.IsValid() {
		return nil, unsupported("the SDK has no " + c.Call)
	}
	input := reflect.New(method.Type().In(1).Elem())
	if err := fill(input.Elem(), c.Request); err != nil {
		return nil, err
	}
	out := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), input})
	if err, failed := out[1].Interface().(error); failed {
		return nil, err
	}
	id := func(m middleware.Metadata) string { v, _ := awsmiddleware.GetRequestIDMetadata(m); return v }
	switch answer := out[0].Interface().(type) {
	case *bedrockruntime.ConverseStreamOutput:
		s := answer.GetStream()
		return collect(id(answer.ResultMetadata), s.Events(), s.Err)
	case *bedrockruntime.InvokeModelWithResponseStreamOutput:
		s := answer.GetStream()
		return collect(id(answer.ResultMetadata), s.Events(), s.Err)
	}
	metadata := out[0].Elem().FieldByName("ResultMetadata").Interface().(middleware.Metadata)
	names := upper
	if c.Api == "bedrock" || c.Api == "bedrock-runtime" {
		names = lower
	}
	return map[string]any{"answer": plain(out[0], names), "request_id": id(metadata)}, nil
}

func collect[E any](requestId string, stream <-chan E, failed func() error) (map[string]any, error) {
	events := []any{}
	for event := range stream {
		events = append(events, plain(reflect.ValueOf(event), lower))
	}
	seen := map[string]any{"events": events, "request_id": requestId}
	if err := failed(); err != nil {
		seen["error"] = errorOf(err)["error"]
	}
	return seen, nil
}

func errorOf(err error) map[string]any {
	found := map[string]any{"code": fmt.Sprintf("%T", err), "status": nil, "message": err.Error()}
	seen := map[string]any{"error": found}
	var api smithy.APIError
	if errors.As(err, &api) {
		found["code"], found["message"] = api.ErrorCode(), api.ErrorMessage()
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		found["status"], seen["request_id"] = response.HTTPStatusCode(), response.ServiceRequestID()
	}
	return seen
}

var placeholder = regexp.MustCompile(`\$\{([a-z_.]+)\.([A-Za-z]+)\}`)

func resolved(value any, answers map[string]any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = resolved(member, answers)
		}
	case []any:
		for i, member := range v {
			v[i] = resolved(member, answers)
		}
	case string:
		return placeholder.ReplaceAllStringFunc(v, func(all string) string {
			names := placeholder.FindStringSubmatch(all)
			answer, _ := answers[names[1]].(map[string]any)
			if text, known := answer[names[2]].(string); known {
				return text
			}
			return all
		})
	}
	return value
}

func main() {
	var input struct{ Cases []testCase }
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		panic(err)
	}
	answers := map[string]any{}
	output := json.NewEncoder(os.Stdout)
	for _, c := range input.Cases {
		resolved(c.Request, answers)
		seen, err := observe(c)
		var missing unsupported
		if errors.As(err, &missing) {
			seen = map[string]any{"unsupported": string(missing)}
		} else if err != nil {
			seen = errorOf(err)
		}
		answers[c.Case], seen["case"] = seen["answer"], c.Case
		if err := output.Encode(seen); err != nil {
			panic(err)
		}
	}
}
