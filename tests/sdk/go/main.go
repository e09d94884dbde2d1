// End to end through the Go SDK: main ADDRESS [TOKEN]
//
// What every client does, by the SDK's own calls, with what comes back looked at. Ends with 0 when
// every step passed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/milvus-io/milvus/client/v2/column"
	"github.com/milvus-io/milvus/client/v2/entity"
	"github.com/milvus-io/milvus/client/v2/index"
	"github.com/milvus-io/milvus/client/v2/milvusclient"
)

const name = "go_rows"

var (
	ctx            = context.Background()
	passed, failed int
)

// A step that fails is told; the next one runs.
func step(what string, body func() error) {
	if err := body(); err != nil {
		failed++
		fmt.Printf("FAIL %s: %v\n", what, err)
		return
	}
	passed++
}

func expect(ok bool, got ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("unexpected: %v", got)
}

func ids(set milvusclient.ResultSet) []int64 {
	values, _ := set.GetColumn("id").(*column.ColumnInt64)
	if values == nil {
		values, _ = set.IDs.(*column.ColumnInt64)
	}
	if values == nil {
		return nil
	}
	return values.Data()
}

func refused(err error, text string) error {
	if err == nil {
		return errors.New("was not refused")
	}
	if !strings.Contains(err.Error(), text) {
		return err
	}
	return nil
}

func collections(client *milvusclient.Client) {
	step("create, describe, list", func() error {
		schema := entity.NewSchema().WithName(name).WithDynamicFieldEnabled(true).
			WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).
				WithIsPrimaryKey(true)).
			WithField(entity.NewField().WithName("title").WithDataType(entity.FieldTypeVarChar).
				WithMaxLength(100)).
			WithField(entity.NewField().WithName("vector").
				WithDataType(entity.FieldTypeFloatVector).WithDim(4))
		err := client.CreateCollection(ctx, milvusclient.NewCreateCollectionOption(name, schema))
		if err != nil {
			return err
		}
		task, err := client.CreateIndex(ctx, milvusclient.NewCreateIndexOption(name, "vector",
			index.NewHNSWIndex(entity.L2, 16, 100)))
		if err != nil {
			return err
		}
		if err = task.Await(ctx); err != nil {
			return err
		}
		load, err := client.LoadCollection(ctx, milvusclient.NewLoadCollectionOption(name))
		if err != nil {
			return err
		}
		if err = load.Await(ctx); err != nil {
			return err
		}
		about, err := client.DescribeCollection(ctx, milvusclient.NewDescribeCollectionOption(name))
		if err != nil {
			return err
		}
		names, err := client.ListCollections(ctx, milvusclient.NewListCollectionOption())
		if err != nil {
			return err
		}
		return expect(len(about.Schema.Fields) == 3 && slices.Contains(names, name), about, names)
	})
	step("refused", func() error {
		_, err := client.DescribeCollection(ctx, milvusclient.NewDescribeCollectionOption("nothing"))
		return refused(err, "can't find collection")
	})
	step("partitions, aliases", func() error {
		for _, err := range []error{
			client.CreatePartition(ctx, milvusclient.NewCreatePartitionOption(name, "part")),
			client.CreateAlias(ctx, milvusclient.NewCreateAliasOption(name, "go_alias")),
			client.DropAlias(ctx, milvusclient.NewDropAliasOption("go_alias")),
		} {
			if err != nil {
				return err
			}
		}
		parts, err := client.ListPartitions(ctx, milvusclient.NewListPartitionOption(name))
		return errors.Join(err, expect(len(parts) == 2, parts))
	})
}

func rows(client *milvusclient.Client) {
	step("insert", func() error {
		keys, titles, vectors := []int64{}, []string{}, [][]float32{}
		for i := range 50 {
			keys = append(keys, int64(i))
			titles = append(titles, fmt.Sprintf("title %d", i))
			vectors = append(vectors, []float32{float32(i), 1, 2, 3})
		}
		result, err := client.Insert(ctx, milvusclient.NewColumnBasedInsertOption(name).
			WithInt64Column("id", keys).WithVarcharColumn("title", titles).
			WithFloatVectorColumn("vector", 4, vectors))
		return errors.Join(err, expect(result.InsertCount == 50, result))
	})
	step("upsert", func() error {
		result, err := client.Upsert(ctx, milvusclient.NewColumnBasedInsertOption(name).
			WithInt64Column("id", []int64{7}).WithVarcharColumn("title", []string{"changed"}).
			WithFloatVectorColumn("vector", 4, [][]float32{{7, 1, 2, 3}}))
		return errors.Join(err, expect(result.UpsertCount == 1, result))
	})
	step("query", func() error {
		set, err := client.Query(ctx, milvusclient.NewQueryOption(name).
			WithFilter("id in [6, 7]").WithOutputFields("id", "title"))
		if err != nil {
			return err
		}
		titles := set.GetColumn("title").(*column.ColumnVarChar).Data()
		return expect(slices.Equal(titles, []string{"title 6", "changed"}), titles)
	})
	step("get", func() error {
		set, err := client.Get(ctx, milvusclient.NewQueryOption(name).
			WithIDs(column.NewColumnInt64("id", []int64{3})).WithOutputFields("title"))
		return errors.Join(err, expect(set.ResultCount == 1, set.ResultCount))
	})
}

func searches(client *milvusclient.Client) {
	query := []entity.Vector{entity.FloatVector([]float32{20, 1, 2, 3})}
	step("search", func() error {
		sets, err := client.Search(ctx, milvusclient.NewSearchOption(name, 3, query).
			WithANNSField("vector").WithOutputFields("title"))
		if err != nil {
			return err
		}
		found := ids(sets[0])
		slices.Sort(found)
		return expect(slices.Equal(found, []int64{19, 20, 21}) && sets[0].Scores[0] == 0, found,
			sets[0].Scores)
	})
	step("search with a filter", func() error {
		sets, err := client.Search(ctx, milvusclient.NewSearchOption(name, 2, query).
			WithANNSField("vector").WithFilter("id > 40"))
		return errors.Join(err, expect(slices.Equal(ids(sets[0]), []int64{41, 42}), ids(sets[0])))
	})
	step("hybrid search", func() error {
		sets, err := client.HybridSearch(ctx, milvusclient.NewHybridSearchOption(name, 3,
			milvusclient.NewAnnRequest("vector", 5, query...),
			milvusclient.NewAnnRequest("vector", 5, entity.FloatVector([]float32{20, 1, 2, 3}))).
			WithReranker(milvusclient.NewRRFReranker()))
		return errors.Join(err, expect(len(sets) == 1 && ids(sets[0])[0] == 20, sets))
	})
	step("search iterator", func() error {
		iterator, err := client.SearchIterator(ctx, milvusclient.NewSearchIteratorOption(name,
			query[0]).WithANNSField("vector").WithBatchSize(10).WithIteratorLimit(35))
		if err != nil {
			return err
		}
		seen := map[int64]bool{}
		for {
			set, err := iterator.Next(ctx)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			for _, id := range ids(set) {
				seen[id] = true
			}
		}
		return expect(len(seen) == 35, len(seen))
	})
}

func ends(client *milvusclient.Client) {
	step("delete", func() error {
		_, err := client.Delete(ctx, milvusclient.NewDeleteOption(name).WithExpr("id >= 10"))
		if err != nil {
			return err
		}
		set, err := client.Query(ctx, milvusclient.NewQueryOption(name).
			WithOutputFields("count(*)"))
		if err != nil {
			return err
		}
		count, err := set.GetColumn("count(*)").GetAsInt64(0)
		return errors.Join(err, expect(count == 10, count))
	})
	step("flush, release, drop", func() error {
		task, err := client.Flush(ctx, milvusclient.NewFlushOption(name))
		if err != nil {
			return err
		}
		if err = task.Await(ctx); err != nil {
			return err
		}
		err = client.ReleaseCollection(ctx, milvusclient.NewReleaseCollectionOption(name))
		if err != nil {
			return err
		}
		if err = client.DropCollection(ctx, milvusclient.NewDropCollectionOption(name)); err != nil {
			return err
		}
		has, err := client.HasCollection(ctx, milvusclient.NewHasCollectionOption(name))
		return errors.Join(err, expect(!has, has))
	})
}

func main() {
	deadline, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	ctx = deadline
	config := &milvusclient.ClientConfig{Address: os.Args[1], Username: "root", Password: "Milvus"}
	client, err := milvusclient.New(ctx, config)
	if err != nil {
		fmt.Println("FAIL connect:", err)
		os.Exit(1)
	}
	collections(client)
	rows(client)
	searches(client)
	ends(client)
	step("a wrong password", func() error {
		wrong := *config
		wrong.Password = "wrong!"
		_, err := milvusclient.New(ctx, &wrong)
		return refused(err, "auth check failure")
	})
	step("close", func() error { return client.Close(ctx) })
	fmt.Printf("Go SDK: %d steps passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
