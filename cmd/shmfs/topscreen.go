package main

import (
	"context"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"
)

// topScreen shows snapshots on a terminal. One goroutine reads them, so that keys are heard while a server does not
// answer; all else happens on the goroutine of run.
type topScreen struct {
	reader   *topReader
	interval time.Duration
	wanted   chan string // the subject that is to be read now

	app   *tview.Application
	head  *tview.TextView
	tabs  *tview.TextView
	keys  *tview.TextView
	table *tview.Table
	view  topView
	last  *topSnapshot // nil before the first one
	err   error        // why there is none since
	ended error        // what run answers
}

// topKeys are the keys, with the column that it is sorted by and the order.
const topKeys = "1-8 show  s by %s  r %s  arrows scroll  space read  q quit"

func newTopScreen(t *topReader, v topView, interval time.Duration) *topScreen {
	s := &topScreen{reader: t, interval: interval, wanted: make(chan string, 1), view: v, app: tview.NewApplication(),
		head: newTopLine(), tabs: newTopLine(), keys: newTopLine(), table: tview.NewTable()}
	s.tabs.SetDynamicColors(true)
	s.table.SetFixed(1, 0).SetEvaluateAllRows(true)
	s.table.SetBackgroundColor(tcell.ColorDefault)
	s.keys.SetTextStyle(tcell.StyleDefault.Reverse(true))
	rows := tview.NewFlex().SetDirection(tview.FlexRow).AddItem(s.head, 1, 0, false).AddItem(s.tabs, 1, 0, false).
		AddItem(s.table, 0, 1, true).AddItem(s.keys, 1, 0, false)
	s.app.SetRoot(rows, true).SetInputCapture(s.key)
	s.draw()
	return s
}

// newTopLine is a line of text in the terminal's own colours.
func newTopLine() *tview.TextView {
	t := tview.NewTextView().SetWrap(false).SetTextStyle(tcell.StyleDefault)
	t.SetBackgroundColor(tcell.ColorDefault)
	return t
}

// run shows until q, Ctrl-C, a signal or the end of the context, and leaves the terminal as it was.
func (s *topScreen) run(ctx context.Context, screen tcell.Screen) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	s.app.SetScreen(screen)
	go s.read(ctx)
	err := s.app.Run()
	if err == nil {
		err = s.ended
	}
	return err
}

// read reads, and hands over what it has read, until the context ends.
func (s *topScreen) read(ctx context.Context) {
	subject := s.view.subject
	for {
		snapshot, err := ask(ctx, s.reader.at.Mountpoint, func() (*topSnapshot, error) { return s.reader.read(subject) })
		if ctx.Err() != nil {
			s.app.Stop()
			return
		}
		s.app.QueueUpdateDraw(func() { s.show(snapshot, err) })
		select {
		case subject = <-s.wanted:
		case <-time.After(s.interval):
		case <-ctx.Done():
			s.app.Stop()
			return
		}
	}
}

// show takes over what was read. A mount that is gone ends it; whatever else went wrong may be over the next time.
func (s *topScreen) show(snapshot *topSnapshot, err error) {
	s.err = err
	switch code := codeOf(err); {
	case code == exitDead || code == exitNotFound:
		s.ended = err
		s.app.Stop()
	case err == nil && snapshot.subject == s.view.subject:
		s.last = snapshot
	}
	s.draw()
}

// key does what a key says.
func (s *topScreen) key(e *tcell.EventKey) *tcell.EventKey {
	if e.Key() != tcell.KeyRune {
		return e // scrolling is the table's, Ctrl-C the application's
	}
	switch r := e.Rune(); {
	case r == 'q':
		s.app.Stop()
	case r == 's':
		s.view.column = (s.view.column + 1) % len(topColumns(s.view.subject))
	case r == 'r':
		s.view.reverse = !s.view.reverse
	case r == ' ':
		s.want()
	case r >= '1' && int(r-'1') < len(topSubjects()):
		s.view = topView{subject: topSubjects()[r-'1']}
		s.last = nil
		s.want()
	default:
		return e
	}
	s.table.ScrollToBeginning()
	s.draw()
	return nil
}

// want has the subject read at once.
func (s *topScreen) want() {
	select {
	case <-s.wanted: // an older wish
	default:
	}
	s.wanted <- s.view.subject
}

// draw writes all anew.
func (s *topScreen) draw() {
	head := "reading ..."
	if s.last != nil {
		head = s.last.summary()
	}
	if s.err != nil {
		head = oneLine(s.err.Error())
	}
	s.head.SetText(head)
	tabs := ""
	for i, subject := range topSubjects() {
		if subject == s.view.subject {
			subject = "[::r]" + subject + "[::-]"
		}
		tabs += string(rune('1'+i)) + " " + subject + "  "
	}
	s.tabs.SetText(strings.TrimSpace(tabs))
	columns := topColumns(s.view.subject)
	order := "reverse"
	if s.view.reverse {
		order = "reversed"
	}
	s.keys.SetText(fmt.Sprintf(topKeys, columns[s.view.column].name, order))
	s.table.Clear()
	for i, c := range columns {
		s.table.SetCell(0, i, topCell(columns, i, c.head).SetAttributes(tcell.AttrBold))
	}
	if s.last == nil {
		return
	}
	s.last.sort(s.view)
	for n, r := range s.last.rows[:min(len(s.last.rows), topMost)] {
		for i, c := range columns {
			s.table.SetCell(n+1, i, topCell(columns, i, c.text(r)))
		}
	}
}

// topMost is how many rows can be scrolled through.
const topMost = 1000

func topCell(columns []topColumn, i int, text string) *tview.TableCell {
	c := tview.NewTableCell(tview.Escape(text)).SetStyle(tcell.StyleDefault).SetAlign(tview.AlignRight)
	if columns[i].number == nil {
		c.SetAlign(tview.AlignLeft)
	}
	if i == len(columns)-1 {
		c.SetExpansion(1)
	}
	return c
}
