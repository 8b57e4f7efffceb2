package apng

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"
	"testing"
	"time"
)

// filled returns a picture of one color with a dot of another color.
func filled(c color.Color, dot image.Point) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, 40, 30))
	draw.Draw(m, m.Rect, image.NewUniform(c), image.Point{}, draw.Src)
	m.Set(dot.X, dot.Y, color.Black)
	return m
}

func TestEncode(t *testing.T) {
	first := filled(color.White, image.Pt(3, 4))
	var file bytes.Buffer
	if err := Encode(&file, []Frame{
		{first, time.Second},
		{filled(color.White, image.Pt(3, 4)), 500 * time.Millisecond}, // the same picture again
		{filled(color.White, image.Pt(10, 9)), time.Second},
		{filled(color.Gray{Y: 200}, image.Pt(10, 9)), time.Second},
	}); err != nil {
		t.Fatal(err)
	}
	// A program that doesn't support animations shows the first frame.
	got, err := png.Decode(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	for y := range 30 {
		for x := range 40 {
			if want := first.RGBAAt(x, y); color.RGBAModel.Convert(got.At(x, y)) != want {
				t.Fatalf("the pixel (%d, %d) is %v, want %v", x, y, got.At(x, y), want)
			}
		}
	}
	var names []string
	var places []image.Rectangle
	var delays []int
	number := func(b []byte) int { return int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3]) }
	for rest := file.Bytes()[8:]; len(rest) > 0; {
		n, name, body := number(rest), string(rest[4:8]), rest[8:]
		names = append(names, name)
		if name == "fcTL" {
			at := image.Pt(number(body[12:]), number(body[16:]))
			places = append(places, image.Rectangle{Min: at, Max: at.Add(image.Pt(number(body[4:]), number(body[8:])))})
			delays = append(delays, int(body[20])<<8|int(body[21]))
		}
		rest = rest[12+n:]
	}
	if want := "IHDR acTL tRNS fcTL IDAT fcTL fdAT fcTL fdAT IEND"; strings.Join(names, " ") != want {
		t.Errorf("the file has the chunks %q", names)
	}
	if places[1] != image.Rect(3, 4, 11, 10) || places[2] != first.Rect {
		t.Errorf("the frames are at %v", places)
	}
	if delays[0] != 1500 || delays[1] != 1000 {
		t.Errorf("the frames are shown for %v ms", delays)
	}
}

func TestEncodeRefuses(t *testing.T) {
	white := filled(color.White, image.Point{})
	for what, frames := range map[string][]Frame{
		"no frames":   nil,
		"two sizes":   {{white, 1}, {white.SubImage(image.Rect(0, 0, 9, 9)), 1}},
		"transparent": {{image.NewRGBA(white.Rect), 1}},
		"too long":    {{white, 66 * time.Second}},
	} {
		if err := Encode(&bytes.Buffer{}, frames); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
