// Package apng writes animated PNG files. They show all colors, and every browser plays
// them.
package apng

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"time"
)

// Frame is a picture, and how long it is shown.
type Frame struct {
	Image image.Image
	Delay time.Duration // at most 65 s
}

// unchanged is the color of the pixels that a frame leaves as they are. The frames
// must not use it.
var unchanged = color.RGBA{R: 1, G: 254, B: 2, A: 255}

// Encode writes an animation that repeats forever. The frames must be opaque and of one
// size. Each stores only the pixels that differ from the frame before.
func Encode(w io.Writer, frames []Frame) error {
	shown, err := join(frames)
	if err != nil {
		return err
	}
	e := encoder{w: w}
	e.write([]byte("\x89PNG\r\n\x1a\n"))
	size := shown[0].image.Rect
	e.chunk("IHDR", uint32(size.Dx()), uint32(size.Dy()), []byte{8, 2, 0, 0, 0}) // 8 bits, RGB
	e.chunk("acTL", uint32(len(shown)), uint32(0))
	e.chunk("tRNS", uint16(unchanged.R), uint16(unchanged.G), uint16(unchanged.B))
	for i, f := range shown {
		data, err := pixels(f.image)
		if err != nil {
			return err
		}
		at := f.image.Rect
		e.chunk("fcTL", e.next(), uint32(at.Dx()), uint32(at.Dy()), uint32(at.Min.X), uint32(at.Min.Y),
			uint16(f.delay.Milliseconds()), uint16(1000), []byte{0, 1}) // keep the frame, and draw over it
		if i == 0 {
			e.chunk("IDAT", data)
		} else {
			e.chunk("fdAT", e.next(), data)
		}
	}
	e.chunk("IEND")
	return e.err
}

// part is the rectangle that a frame changes.
type part struct {
	image *image.RGBA
	delay time.Duration
}

// join returns what each frame changes, without frames that change nothing.
func join(frames []Frame) ([]part, error) {
	if len(frames) == 0 {
		return nil, errors.New("apng: no frames")
	}
	var parts []part
	var before *image.RGBA
	for i, f := range frames {
		if f.Delay >= 1<<16*time.Millisecond {
			return nil, fmt.Errorf("apng: frame %d is shown for %s", i, f.Delay)
		}
		now := image.NewRGBA(image.Rect(0, 0, f.Image.Bounds().Dx(), f.Image.Bounds().Dy()))
		draw.Draw(now, now.Rect, f.Image, f.Image.Bounds().Min, draw.Src)
		if before == nil {
			parts = append(parts, part{now, f.Delay})
		} else if now.Rect != before.Rect {
			return nil, fmt.Errorf("apng: frame %d has the size %v, but the frame before has %v", i, now.Rect.Max, before.Rect.Max)
		} else if changed := difference(before, now); changed != nil {
			parts = append(parts, part{changed, f.Delay})
		} else {
			parts[len(parts)-1].delay += f.Delay
		}
		before = now
	}
	return parts, nil
}

// difference returns the smallest rectangle with all pixels that changed, or nil. The
// others in it have the color unchanged.
func difference(before, now *image.RGBA) *image.RGBA {
	var changed image.Rectangle
	for y := range now.Rect.Max.Y {
		from, to := now.PixOffset(0, y), now.PixOffset(now.Rect.Max.X, y)
		if bytes.Equal(before.Pix[from:to], now.Pix[from:to]) {
			continue
		}
		for x := range now.Rect.Max.X {
			if before.RGBAAt(x, y) != now.RGBAAt(x, y) {
				changed = changed.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	if changed.Empty() {
		return nil
	}
	part := image.NewRGBA(changed)
	for y := changed.Min.Y; y < changed.Max.Y; y++ {
		for x := changed.Min.X; x < changed.Max.X; x++ {
			c := now.RGBAAt(x, y)
			if c == before.RGBAAt(x, y) {
				c = unchanged
			}
			part.SetRGBA(x, y, c)
		}
	}
	return part
}

// pixels returns the compressed pixels of an opaque picture, as RGB.
func pixels(m *image.RGBA) ([]byte, error) {
	var file bytes.Buffer
	compress := png.Encoder{CompressionLevel: png.BestCompression}
	if err := compress.Encode(&file, m); err != nil {
		return nil, err
	}
	if kind := file.Bytes()[25]; kind != 2 {
		return nil, fmt.Errorf("apng: the frame at %v is not opaque", m.Rect)
	}
	var data []byte
	for rest := file.Bytes()[8:]; len(rest) >= 12; {
		n := binary.BigEndian.Uint32(rest)
		if string(rest[4:8]) == "IDAT" {
			data = append(data, rest[8:8+n]...)
		}
		rest = rest[12+n:]
	}
	return data, nil
}

// encoder writes chunks. It keeps the first error.
type encoder struct {
	w        io.Writer
	sequence uint32
	err      error
}

// next returns the sequence number of the next chunk of the animation.
func (e *encoder) next() uint32 {
	e.sequence++
	return e.sequence - 1
}

func (e *encoder) write(b []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(b)
	}
}

// chunk writes a chunk. Each value is a number or bytes.
func (e *encoder) chunk(name string, values ...any) {
	body := bytes.NewBufferString(name)
	for _, v := range values {
		if err := binary.Write(body, binary.BigEndian, v); err != nil && e.err == nil {
			e.err = err
		}
	}
	e.write(binary.BigEndian.AppendUint32(nil, uint32(body.Len()-len(name))))
	e.write(body.Bytes())
	e.write(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body.Bytes())))
}
