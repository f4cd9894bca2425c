// JSON to and from the SDK's types, by reflection: a member's name is its field's with a small letter, a union is an
// interface whose implementations are called after it and the member, ContentBlockMemberText.
package main

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"

	control "github.com/aws/aws-sdk-go-v2/service/bedrock/types"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	smithydocument "github.com/aws/smithy-go/document"
)

var documentType = reflect.TypeOf((*document.Interface)(nil)).Elem()

// Go cannot list the implementations of an interface: those that the cases use.
var members = func(values ...any) map[string]reflect.Type {
	named := map[string]reflect.Type{}
	for _, value := range values {
		t := reflect.TypeOf(value)
		named[t.Name()] = t
	}
	return named
}(
	types.ContentBlockMemberText{}, types.ContentBlockMemberImage{}, types.ContentBlockMemberDocument{},
	types.ContentBlockMemberVideo{}, types.ContentBlockMemberToolUse{}, types.ContentBlockMemberToolResult{},
	types.ContentBlockMemberReasoningContent{}, types.ContentBlockMemberCachePoint{},
	types.ContentBlockMemberGuardContent{}, types.ImageSourceMemberBytes{}, types.ImageSourceMemberS3Location{},
	types.DocumentSourceMemberBytes{}, types.DocumentSourceMemberText{}, types.VideoSourceMemberBytes{},
	types.ReasoningContentBlockMemberReasoningText{}, types.GuardrailConverseContentBlockMemberText{},
	types.SystemContentBlockMemberText{}, types.SystemContentBlockMemberCachePoint{},
	types.SystemContentBlockMemberGuardContent{}, types.ToolMemberToolSpec{}, types.ToolMemberCachePoint{},
	types.ToolInputSchemaMemberJson{}, types.ToolChoiceMemberAuto{}, types.ToolChoiceMemberAny{},
	types.ToolChoiceMemberTool{}, types.ToolResultContentBlockMemberJson{}, types.ToolResultContentBlockMemberText{},
	types.OutputFormatStructureMemberJsonSchema{}, types.PromptVariableValuesMemberText{},
	types.CountTokensInputMemberConverse{}, types.CountTokensInputMemberInvokeModel{},
	types.GuardrailContentBlockMemberText{}, types.AsyncInvokeOutputDataConfigMemberS3OutputDataConfig{},
	control.InferenceProfileModelSourceMemberCopyFrom{},
)

func upper(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

func lower(name string) string {
	runes := []rune(name)
	runes[0] = unicode.ToLower(runes[0])
	return string(runes)
}

func fill(target reflect.Value, value any) error {
	if value == nil {
		return nil
	}
	if blob, is := value.(map[string]any); is && len(blob) == 1 && blob["$bytes"] != nil {
		bytes, err := base64.StdEncoding.DecodeString(blob["$bytes"].(string))
		target.SetBytes(bytes)
		return err
	}
	switch target.Kind() {
	case reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		return fill(target.Elem(), value)
	case reflect.Interface:
		return fillInterface(target, value)
	case reflect.Struct:
		for name, member := range value.(map[string]any) {
			field := target.FieldByName(upper(name))
			if !field.IsValid() {
				return unsupported(fmt.Sprintf("the SDK's %s has no %s", target.Type().Name(), name))
			}
			if err := fill(field, member); err != nil {
				return err
			}
		}
	case reflect.Slice:
		list := value.([]any)
		target.Set(reflect.MakeSlice(target.Type(), len(list), len(list)))
		for i, element := range list {
			if err := fill(target.Index(i), element); err != nil {
				return err
			}
		}
	case reflect.Map:
		target.Set(reflect.MakeMap(target.Type()))
		for name, member := range value.(map[string]any) {
			element := reflect.New(target.Type().Elem()).Elem()
			if err := fill(element, member); err != nil {
				return err
			}
			target.SetMapIndex(reflect.ValueOf(name), element)
		}
	default:
		target.Set(reflect.ValueOf(value).Convert(target.Type()))
	}
	return nil
}

func fillInterface(target reflect.Value, value any) error {
	if target.Type() == documentType {
		target.Set(reflect.ValueOf(document.NewLazyDocument(value)))
		return nil
	}
	for name, member := range value.(map[string]any) {
		full := target.Type().Name() + "Member" + upper(name)
		t, known := members[full]
		if !known {
			return unsupported("the SDK has no " + full)
		}
		made := reflect.New(t)
		if err := fill(made.Elem().FieldByName("Value"), member); err != nil {
			return err
		}
		target.Set(made)
	}
	return nil
}

// The JSON of what the SDK gave, with blobs as text; `names` makes a member's name of a field's.
func plain(value reflect.Value, names func(string) string) any {
	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		if value.IsNil() {
			return nil
		}
		if lazy, is := value.Interface().(smithydocument.Unmarshaler); is {
			var out any
			if err := lazy.UnmarshalSmithyDocument(&out); err != nil {
				return err.Error()
			}
			return plainDocument(out)
		}
		return plain(value.Elem(), names)
	case reflect.Struct:
		return plainStruct(value, names)
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			return string(value.Bytes())
		}
		list := []any{}
		for i := range value.Len() {
			list = append(list, plain(value.Index(i), names))
		}
		return list
	case reflect.Map:
		out := map[string]any{}
		for entries := value.MapRange(); entries.Next(); {
			out[entries.Key().String()] = plain(entries.Value(), names)
		}
		return out
	}
	return value.Interface()
}

// Numbers of documents have a type of their own, which prints as the number that it holds.
func plainDocument(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			v[name] = plainDocument(v[name])
		}
	case []any:
		for i := range v {
			v[i] = plainDocument(v[i])
		}
	case smithydocument.Number:
		number, _ := v.Float64()
		return number
	}
	return value
}

func plainStruct(value reflect.Value, names func(string) string) any {
	if when, is := value.Interface().(time.Time); is {
		return when.Format(time.RFC3339)
	}
	if _, member, is := strings.Cut(value.Type().Name(), "Member"); is {
		return map[string]any{lower(member): plain(value.FieldByName("Value"), names)}
	}
	out := map[string]any{}
	for i := range value.NumField() {
		field := value.Type().Field(i)
		if !field.IsExported() || field.Name == "ResultMetadata" {
			continue
		}
		if member := value.Field(i); !member.IsZero() || member.Kind() == reflect.Int32 || member.Kind() == reflect.Bool {
			out[names(field.Name)] = plain(member, names)
		}
	}
	return out
}
