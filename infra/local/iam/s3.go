package iam

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const bucketARN = "arn:aws:s3:::"

// s3Requests returns the requests of operations on objects, with the bucket in the
// path. The only operation on a bucket that it supports is listing.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
func (p Place) s3Requests(c Call, u *url.URL) ([]Request, error) {
	bucket, key, isObject := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	isObject = isObject && key != ""
	query := u.Query()
	query.Del("x-id") // the SDK's name of the operation
	plain := len(query) == 0
	var context map[string][]string
	if value := c.Header.Get("If-None-Match"); value != "" {
		context = map[string][]string{"s3:if-none-match": {value}}
	}
	object := func(actions ...string) (all []Request, err error) {
		for _, action := range actions {
			all = append(all, Request{Action: "s3:" + action, Resource: bucketARN + bucket + "/" + key, Context: context})
		}
		return all, nil
	}
	var bypass []string
	if strings.EqualFold(c.Header.Get("X-Amz-Bypass-Governance-Retention"), "true") {
		bypass = []string{"BypassGovernanceRetention"}
	}
	switch {
	case bucket == "":
	case isObject && plain && (c.Method == http.MethodGet || c.Method == http.MethodHead):
		return object("GetObject")
	case isObject && c.Method == http.MethodPut && (plain || query.Has("partNumber")):
		return object("PutObject")
	case isObject && c.Method == http.MethodPost && (query.Has("uploads") || query.Has("uploadId")):
		return object("PutObject")
	case isObject && c.Method == http.MethodPut && query.Has("retention"):
		return object(append(bypass, "PutObjectRetention")...)
	case isObject && c.Method == http.MethodDelete && plain:
		return object("DeleteObject")
	case isObject && c.Method == http.MethodDelete && query.Has("versionId"):
		return object(append(bypass, "DeleteObjectVersion")...)
	case !isObject && c.Method == http.MethodPost && query.Has("delete"):
		return deleteRequests(bucket, c.Body)
	case !isObject && c.Method == http.MethodGet && query.Get("list-type") == "2":
		return requestsFor("s3:ListBucket", bucketARN+bucket), nil
	}
	return nil, unknownCallError(c)
}

// deleteRequests returns the requests of one call that deletes many objects.
func deleteRequests(bucket string, body []byte) (all []Request, err error) {
	var in struct {
		Object []struct{ Key, VersionId string }
	}
	if err := xml.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("parse S3 call: %w", err)
	}
	for _, o := range in.Object {
		action := "s3:DeleteObject"
		if o.VersionId != "" {
			action = "s3:DeleteObjectVersion"
		}
		all = append(all, requestsFor(action, bucketARN+bucket+"/"+o.Key)...)
	}
	return all, nil
}

// bucketOf returns the bucket of an S3 resource, or "" for any other resource.
func bucketOf(resource string) string {
	path, ok := strings.CutPrefix(resource, bucketARN)
	if !ok {
		return ""
	}
	bucket, _, _ := strings.Cut(path, "/")
	return bucket
}
