package control

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// table writes aligned columns. The cells of a row are collected first, because the widest cell of a column is known
// last. The last column is not padded.
type table struct {
	columns []column
	cells   []byte // each followed by cellEnd, which no cell has
}

type column struct {
	head  string
	right bool // aligned to the right
	width int  // in characters
}

const cellEnd = '\n'

func newTable(columns ...column) *table {
	t := &table{columns: columns}
	for i, c := range columns {
		t.columns[i].width = utf8.RuneCountInString(c.head)
		t.cells = append(append(t.cells, c.head...), cellEnd)
	}
	return t
}

// cell adds the next cell: of column i, which the caller counts.
func (t *table) cell(i int, text string) {
	t.columns[i].width = max(t.columns[i].width, utf8.RuneCountInString(text))
	t.cells = append(append(t.cells, text...), cellEnd)
}

func (t *table) row(cells ...string) {
	for i, c := range cells {
		t.cell(i, c)
	}
}

// render writes the table.
func (t *table) render() []byte {
	widest := 0
	for _, c := range t.columns {
		widest = max(widest, c.width)
	}
	spaces := strings.Repeat(" ", widest)
	out := make([]byte, 0, 2*len(t.cells))
	for cells := t.cells; len(cells) > 0; {
		for i, c := range t.columns {
			end := bytes.IndexByte(cells, cellEnd)
			pad := spaces[:c.width-utf8.RuneCount(cells[:end])]
			switch {
			case i == len(t.columns)-1:
				out = append(append(out, cells[:end]...), '\n')
			case c.right:
				out = append(append(append(out, pad...), cells[:end]...), ' ', ' ')
			default:
				out = append(append(append(out, cells[:end]...), pad...), ' ', ' ')
			}
			cells = cells[end+1:]
		}
	}
	return out
}
