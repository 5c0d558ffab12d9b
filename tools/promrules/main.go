// Command promrules evaluates alerting rules and queries with Prometheus' own code, for the tests of the chart.
//
// It reads one JSON object from standard input and writes one to standard output:
//
//	in:  {"rules": "FILE", "interval": SECONDS, "series": [{"labels": {...}, "points": [[SECOND, VALUE], ...]}],
//	      "alerts": [SECOND, ...], "queries": [{"expr": "...", "at": SECOND}]}
//	out: {"alerts": [[{"labels": {...}, "annotations": {...}}, ...], ...], "queries": [{"error": "..."} or {"series": N}]}
//
// promtool does the rules, too, but takes more than three minutes of two processors to build.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/tsdb"
)

type series struct {
	Labels map[string]string `json:"labels"`
	Points [][2]float64      `json:"points"`
}

type query struct {
	Expr string `json:"expr"`
	At   int64  `json:"at"`
}

type request struct {
	Rules    string   `json:"rules"`
	Interval int64    `json:"interval"`
	Series   []series `json:"series"`
	Alerts   []int64  `json:"alerts"`
	Queries  []query  `json:"queries"`
}

type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

type result struct {
	Error  string `json:"error,omitempty"`
	Series int    `json:"series"`
}

type response struct {
	Alerts  [][]alert `json:"alerts"`
	Queries []result  `json:"queries"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "promrules:", err)
		os.Exit(1)
	}
}

func run() error {
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "promrules")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	options := tsdb.DefaultOptions()
	options.MinBlockDuration = int64(24 * time.Hour / time.Millisecond) // long enough for whatever is loaded
	options.MaxBlockDuration = options.MinBlockDuration
	options.RetentionDuration = 0
	db, err := tsdb.Open(folder, nil, nil, options, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := load(db, asked.Series); err != nil {
		return err
	}
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1_000_000, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true,
		Parser: parser.NewParser(parser.Options{}),
	})
	var answer response
	if asked.Rules != "" {
		if answer.Alerts, err = evaluate(db, engine, asked); err != nil {
			return err
		}
	}
	for _, item := range asked.Queries {
		answer.Queries = append(answer.Queries, ask(db, engine, item))
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

func load(db *tsdb.DB, all []series) error {
	appender := db.Appender(context.Background())
	for _, item := range all {
		for _, point := range item.Points {
			if _, err := appender.Append(0, labels.FromMap(item.Labels), int64(point[0]*1000), point[1]); err != nil {
				return fmt.Errorf("%v: %w", item.Labels, err)
			}
		}
	}
	return appender.Commit()
}

// evaluate runs all rules every interval, and gives the alerts that fire at the asked times.
func evaluate(db *tsdb.DB, engine *promql.Engine, asked request) ([][]alert, error) {
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:    rules.EngineQueryFunc(engine, db),
		AppendableV2: db,
		Queryable:    db,
		Context:      context.Background(),
		NotifyFunc:   func(context.Context, string, ...*rules.Alert) {},
		Parser:       parser.NewParser(parser.Options{}),
	})
	groups, errs := manager.LoadGroups(
		time.Duration(asked.Interval)*time.Second, labels.EmptyLabels(), "", nil, false, asked.Rules)
	if errs != nil {
		return nil, errs[0]
	}
	found := make([][]alert, 0, len(asked.Alerts))
	second := int64(0)
	for _, until := range asked.Alerts {
		for ; second <= until; second += asked.Interval {
			for _, group := range groups {
				group.Eval(context.Background(), time.Unix(second, 0))
				for _, rule := range group.Rules() {
					if err := rule.LastError(); err != nil {
						return nil, fmt.Errorf("%s: %w", rule.Name(), err)
					}
				}
			}
		}
		found = append(found, firing(groups))
	}
	return found, nil
}

func firing(groups map[string]*rules.Group) []alert {
	found := []alert{}
	for _, group := range groups {
		for _, rule := range group.AlertingRules() {
			for _, item := range rule.ActiveAlerts() {
				if item.State == rules.StateFiring {
					found = append(found, alert{Labels: item.Labels.Map(), Annotations: item.Annotations.Map()})
				}
			}
		}
	}
	return found
}

func ask(db *tsdb.DB, engine *promql.Engine, asked query) result {
	prepared, err := engine.NewInstantQuery(
		context.Background(), db, nil, asked.Expr, time.Unix(asked.At, 0))
	if err != nil {
		return result{Error: err.Error()}
	}
	defer prepared.Close()
	answer := prepared.Exec(context.Background())
	if answer.Err != nil {
		return result{Error: answer.Err.Error()}
	}
	if vector, ok := answer.Value.(promql.Vector); ok {
		return result{Series: len(vector)}
	}
	return result{Series: 1}
}
