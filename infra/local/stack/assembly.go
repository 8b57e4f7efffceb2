// Package stack deploys the output of `cdk synth` to the local stack. It reads the
// cloud assembly, resolves the template, and creates its resources through the
// services' own APIs. Anything that it doesn't understand is an error.
package stack

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Assembly is a cloud assembly with one stack.
type Assembly struct {
	Dir       string
	StackName string
	Template  Template
	Assets    []Asset
	// Bootstrap is what the stack needs from `cdk bootstrap`, or nil if it needs
	// nothing.
	Bootstrap *Bootstrap
}

// Bootstrap is the SSM parameter that marks an account as bootstrapped.
type Bootstrap struct {
	Parameter string
	Version   int // the lowest that the stack accepts
}

// Template has the parts of a CloudFormation template that this package reads.
type Template struct {
	Parameters map[string]struct {
		Type    string
		Default any
	}
	Conditions map[string]any
	Mappings   map[string]any
	Resources  map[string]Resource
	Outputs    map[string]struct {
		Value     any
		Condition string
	}
	Transform any
}

// Resource is one resource of a template, unresolved.
type Resource struct {
	Type       string
	Properties map[string]any
	DependsOn  any // a string or a list of strings
	Condition  string
}

// Asset is a file or a directory beside the template.
type Asset struct {
	Path      string // absolute
	Packaging string // file or zip
	Bucket    string // may contain ${AWS::…}
	Key       string
}

// Load reads the assembly in dir.
func Load(dir string) (*Assembly, error) {
	var manifest struct {
		Artifacts map[string]struct {
			Type        string
			DisplayName string
			Properties  struct {
				TemplateFile string
				StackName    string
				File         string

				RequiresBootstrapStackVersion     int
				BootstrapStackVersionSsmParameter string
			}
		}
	}
	if err := readJSON(filepath.Join(dir, "manifest.json"), &manifest); err != nil {
		return nil, fmt.Errorf("read the cloud assembly: %w", err)
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	a := &Assembly{Dir: absolute}
	names := make([]string, 0, len(manifest.Artifacts))
	for name := range manifest.Artifacts {
		names = append(names, name)
	}
	sort.Strings(names)
	var stacks []string
	for _, name := range names {
		artifact := manifest.Artifacts[name]
		switch artifact.Type {
		case "aws:cloudformation:stack":
			stacks = append(stacks, name)
			a.StackName = name
			if artifact.Properties.StackName != "" {
				a.StackName = artifact.Properties.StackName
			}
			if err := readJSON(filepath.Join(dir, artifact.Properties.TemplateFile), &a.Template); err != nil {
				return nil, fmt.Errorf("read the template: %w", err)
			}
			if p := artifact.Properties; p.BootstrapStackVersionSsmParameter != "" {
				a.Bootstrap = &Bootstrap{p.BootstrapStackVersionSsmParameter, p.RequiresBootstrapStackVersion}
			}
		case "cdk:asset-manifest":
			assets, err := loadAssets(absolute, artifact.Properties.File)
			if err != nil {
				return nil, err
			}
			a.Assets = append(a.Assets, assets...)
		}
	}
	if len(stacks) != 1 {
		return nil, fmt.Errorf("the local stack needs an assembly with one stack; this one has %d: %s", len(stacks), strings.Join(stacks, ", "))
	}
	if a.Template.Transform != nil {
		return nil, fmt.Errorf("the local stack does not support the template's Transform %v", a.Template.Transform)
	}
	return a, nil
}

func loadAssets(dir, file string) ([]Asset, error) {
	var manifest struct {
		Files map[string]struct {
			Source struct {
				Path       string
				Packaging  string
				Executable []string
			}
			Destinations map[string]struct{ BucketName, ObjectKey string }
		}
		DockerImages map[string]any
	}
	if err := readJSON(filepath.Join(dir, file), &manifest); err != nil {
		return nil, fmt.Errorf("read the assets: %w", err)
	}
	if len(manifest.DockerImages) > 0 {
		return nil, fmt.Errorf("%s: the local stack can't run container images", file)
	}
	var assets []Asset
	for id, f := range manifest.Files {
		if len(f.Source.Executable) > 0 {
			return nil, fmt.Errorf("%s: asset %s is built by a program, which the local stack can't run", file, id)
		}
		for _, d := range f.Destinations {
			assets = append(assets, Asset{Path: filepath.Join(dir, f.Source.Path), Packaging: f.Source.Packaging, Bucket: d.BucketName, Key: d.ObjectKey})
		}
	}
	sort.Slice(assets, func(i, j int) bool { return assets[i].Key < assets[j].Key })
	return assets, nil
}

func readJSON(path string, into any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
