// The program picture makes docs/gallery.gif, the animation in the README, from pages of the gallery:
//
//	go run ./internal/picture
//
// It needs Chromium. The environment variable HALLEY_CHROMIUM can name the program. It takes one to two minutes.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/png"
	"log"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

func main() {
	out := flag.String("o", "docs/gallery.gif", "`file` to write")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := run(ctx, *out); err != nil {
		log.Fatal(err)
	}
}

// A pane is a page of the gallery and its place in the picture.
type pane struct {
	path  string
	place image.Rectangle
}

var panes = []pane{
	{"chat?room=lobby", image.Rect(0, 0, 420, 330)},
	{"chat?room=lobby#2", image.Rect(430, 0, 850, 330)},
	{"dashboard", image.Rect(0, 340, 850, 520)},
}

// style hides the parts of a page that do not move.
const style = `
	nav, h1, h2 + p, main > p, form.rooms, #log { display: none !important }
	html { scrollbar-width: none }
	body { padding: 12px; max-width: none }
	main > * { margin-top: 0 !important }
	#messages { height: 250px !important; max-height: none !important }
	.board { margin: 0 !important; grid-template-columns: 1fr 1fr !important }`

// A line is a line of the chat. Its pane begins to type it at the frame.
type line struct {
	frame, pane int
	text        string
}

var lines = []line{
	{4, 0, "Hello from one tab."},
	{13, 1, "Hello from another."},
	{23, 0, "This is plain HTTP."},
	{33, 1, "Nothing gets lost."},
}

const (
	warmUp = 45 * time.Second // so that the charts show something
	frames = 48
	pause  = 250 * time.Millisecond // the charts move as often
)

func run(ctx context.Context, out string) error {
	gallery, err := serve(ctx)
	if err != nil {
		return err
	}
	options := chromedp.DefaultExecAllocatorOptions[:]
	if program := os.Getenv("HALLEY_CHROMIUM"); program != "" {
		options = append(slices.Clip(options), chromedp.ExecPath(program))
	}
	ctx, cancel := chromedp.NewExecAllocator(ctx, append(slices.Clip(options), chromedp.NoSandbox, chromedp.Flag("hide-scrollbars", true))...)
	defer cancel()
	browser, cancel := chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(browser); err != nil {
		return err
	}
	var tabs []context.Context
	for i, p := range panes {
		tab, cancel := chromedp.NewContext(browser)
		defer cancel()
		err := chromedp.Do(tab,
			chromedp.EmulateViewport(int64(p.place.Dx()), int64(p.place.Dy())),
			chromedp.Navigate(gallery+p.path),
			eval(fmt.Sprintf(`document.head.append(Object.assign(document.createElement("style"), {textContent: %q}))`, style)),
			eval(fmt.Sprintf(`document.forms.post && (document.forms.post.elements.name.value = %q)`, []string{"kiki", "bo", ""}[i])),
		)
		if err != nil {
			return err
		}
		tabs = append(tabs, tab)
	}

	select {
	case <-time.After(warmUp):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var shots []*image.RGBA
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for n := range frames {
		<-ticker.C
		for _, l := range lines {
			// The pane types three characters a frame, and then sends the text.
			if typed := 3 * (n - l.frame); typed >= 0 && typed < len(l.text)+3 {
				err = chromedp.Do(tabs[l.pane], eval(fmt.Sprintf(`document.forms.post.elements.text.value = %q`, l.text[:min(typed, len(l.text))])))
				if typed >= len(l.text) {
					err = chromedp.Do(tabs[l.pane], eval(`document.forms.post.requestSubmit()`))
				}
				if err != nil {
					return err
				}
			}
		}
		shot := image.NewRGBA(image.Rect(0, 0, 850, 520))
		draw.Draw(shot, shot.Bounds(), image.NewUniform(color.Gray{Y: 0xcc}), image.Point{}, draw.Src)
		for i, p := range panes {
			data, err := chromedp.Run(tabs[i], chromedp.CaptureScreenshot())
			if err != nil {
				return err
			}
			page, err := png.Decode(bytes.NewReader(data))
			if err != nil {
				return err
			}
			draw.Draw(shot, p.place, page, image.Point{}, draw.Src)
		}
		shots = append(shots, shot)
	}
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := gif.EncodeAll(file, animate(shots)); err != nil {
		return err
	}
	return file.Close()
}

func eval(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void]("{ " + script + " }")
}

// serve starts the gallery, which ends with ctx, and returns its address.
func serve(ctx context.Context) (string, error) {
	gallery := exec.CommandContext(ctx, "go", "run", "./examples", "-addr", "127.0.0.1:0")
	gallery.Stderr = os.Stderr
	gallery.Cancel = func() error { return gallery.Process.Signal(os.Interrupt) }
	stdout, err := gallery.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := gallery.Start(); err != nil {
		return "", err
	}
	first, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return "", err
	}
	return regexp.MustCompile(`http://\S+`).FindString(strings.TrimSpace(first)), nil
}

// animate returns an animation. Each frame holds only the pixels that have changed.
func animate(shots []*image.RGBA) *gif.GIF {
	palette := commonest(shots, 255)
	const transparent = 255
	full := append(slices.Clip(palette), color.RGBA{})
	picture := &gif.GIF{}
	index := map[color.RGBA]uint8{}
	nearest := func(c color.RGBA) uint8 {
		i, ok := index[c]
		if !ok {
			i = uint8(palette.Index(c))
			index[c] = i
		}
		return i
	}
	for n, shot := range shots {
		frame := image.NewPaletted(shot.Bounds(), full)
		changed := image.Rectangle{}
		for y := range shot.Bounds().Dy() {
			for x := range shot.Bounds().Dx() {
				if c := shot.RGBAAt(x, y); n == 0 || c != shots[n-1].RGBAAt(x, y) {
					frame.SetColorIndex(x, y, nearest(c))
					changed = changed.Union(image.Rect(x, y, x+1, y+1))
				} else {
					frame.SetColorIndex(x, y, transparent)
				}
			}
		}
		delay := int(pause / (10 * time.Millisecond))
		switch {
		case changed.Empty():
			picture.Delay[len(picture.Delay)-1] += delay
			continue
		case n == len(shots)-1:
			delay = 200
		}
		picture.Image = append(picture.Image, frame.SubImage(changed).(*image.Paletted))
		picture.Delay = append(picture.Delay, delay)
		picture.Disposal = append(picture.Disposal, gif.DisposalNone)
	}
	return picture
}

// commonest returns the n most frequent colours.
func commonest(shots []*image.RGBA, n int) color.Palette {
	count := map[color.RGBA]int{}
	for _, shot := range shots {
		for p := range slices.Chunk(shot.Pix, 4) {
			count[color.RGBA{p[0], p[1], p[2], p[3]}]++
		}
	}
	var colors []color.RGBA
	for c := range count {
		colors = append(colors, c)
	}
	slices.SortFunc(colors, func(a, b color.RGBA) int { return count[b] - count[a] })
	var palette color.Palette
	for _, c := range colors[:min(n, len(colors))] {
		palette = append(palette, c)
	}
	return palette
}
