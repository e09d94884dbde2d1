// End to end through the Java SDK: java Rows.java ADDRESS
//
// What every client does, by the SDK's own calls, with what comes back looked at. Ends with 0 when
// every step passed.
import com.google.gson.Gson;
import com.google.gson.JsonObject;
import io.milvus.orm.iterator.QueryIterator;
import io.milvus.orm.iterator.SearchIteratorV2;
import io.milvus.response.QueryResultsWrapper;
import io.milvus.v2.client.ConnectConfig;
import io.milvus.v2.client.MilvusClientV2;
import io.milvus.v2.common.DataType;
import io.milvus.v2.common.IndexParam;
import io.milvus.v2.service.collection.request.AddFieldReq;
import io.milvus.v2.service.collection.request.CreateCollectionReq;
import io.milvus.v2.service.collection.request.DescribeCollectionReq;
import io.milvus.v2.service.collection.request.DropCollectionReq;
import io.milvus.v2.service.collection.request.HasCollectionReq;
import io.milvus.v2.service.collection.request.ReleaseCollectionReq;
import io.milvus.v2.service.partition.request.CreatePartitionReq;
import io.milvus.v2.service.partition.request.ListPartitionsReq;
import io.milvus.v2.service.utility.request.CreateAliasReq;
import io.milvus.v2.service.utility.request.DropAliasReq;
import io.milvus.v2.service.utility.request.FlushReq;
import io.milvus.v2.service.vector.request.AnnSearchReq;
import io.milvus.v2.service.vector.request.DeleteReq;
import io.milvus.v2.service.vector.request.GetReq;
import io.milvus.v2.service.vector.request.HybridSearchReq;
import io.milvus.v2.service.vector.request.InsertReq;
import io.milvus.v2.service.vector.request.QueryIteratorReq;
import io.milvus.v2.service.vector.request.QueryReq;
import io.milvus.v2.service.vector.request.SearchIteratorReqV2;
import io.milvus.v2.service.vector.request.SearchReq;
import io.milvus.v2.service.vector.request.UpsertReq;
import io.milvus.v2.service.vector.request.data.BaseVector;
import io.milvus.v2.service.vector.request.data.FloatVec;
import io.milvus.v2.service.vector.request.ranker.RRFRanker;
import io.milvus.v2.service.vector.response.SearchResp;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

public class Rows {
    interface Body {
        void run() throws Exception;
    }

    static final String NAME = "java_rows";
    static final Gson GSON = new Gson();
    static int passed;
    static int failed;

    // A step that fails is told; the next one runs.
    static void step(String what, Body body) {
        try {
            body.run();
            passed++;
        } catch (Throwable error) {
            failed++;
            System.out.println("FAIL " + what + ": " + error);
        }
    }

    static void expect(boolean holds, Object got) {
        if (!holds) throw new IllegalStateException("unexpected: " + got);
    }

    static void refused(String text, Body body) {
        try {
            body.run();
        } catch (Throwable error) {
            expect(String.valueOf(error.getMessage()).contains(text), error);
            return;
        }
        throw new IllegalStateException("was not refused");
    }

    static JsonObject row(long id, String title) {
        JsonObject made = new JsonObject();
        made.addProperty("id", id);
        made.addProperty("title", title);
        made.add("vector", GSON.toJsonTree(new float[] {id, 1, 2, 3}));
        made.addProperty("note", "dynamic " + id);
        return made;
    }

    static List<BaseVector> near(float x) {
        return List.of(new FloatVec(new float[] {x, 1, 2, 3}));
    }

    static List<Long> ids(List<SearchResp.SearchResult> found) {
        return found.stream().map(r -> ((Number) r.getId()).longValue())
            .collect(Collectors.toList());
    }

    static void collections(MilvusClientV2 client) {
        step("create, describe, list", () -> {
            CreateCollectionReq.CollectionSchema schema =
                CreateCollectionReq.CollectionSchema.builder().build();
            schema.setEnableDynamicField(true);
            schema.addField(AddFieldReq.builder().fieldName("id").dataType(DataType.Int64)
                .isPrimaryKey(true).build());
            schema.addField(AddFieldReq.builder().fieldName("title").dataType(DataType.VarChar)
                .maxLength(100).build());
            schema.addField(AddFieldReq.builder().fieldName("vector")
                .dataType(DataType.FloatVector).dimension(4).build());
            IndexParam index = IndexParam.builder().fieldName("vector")
                .indexType(IndexParam.IndexType.HNSW).metricType(IndexParam.MetricType.L2)
                .extraParams(Map.of("M", 16, "efConstruction", 100)).build();
            client.createCollection(CreateCollectionReq.builder().collectionName(NAME)
                .collectionSchema(schema).indexParams(List.of(index)).build());
            int fields = client.describeCollection(DescribeCollectionReq.builder()
                .collectionName(NAME).build()).getFieldNames().size();
            expect(fields == 3, fields);
            expect(client.listCollections().getCollectionNames().contains(NAME), NAME);
        });
        step("refused", () -> refused("can't find collection", () -> client.describeCollection(
            DescribeCollectionReq.builder().collectionName("nothing").build())));
        step("partitions, aliases", () -> {
            client.createPartition(CreatePartitionReq.builder().collectionName(NAME)
                .partitionName("part").build());
            List<String> parts = client.listPartitions(ListPartitionsReq.builder()
                .collectionName(NAME).build());
            expect(parts.size() == 2, parts);
            client.createAlias(CreateAliasReq.builder().collectionName(NAME).alias("java_alias")
                .build());
            client.dropAlias(DropAliasReq.builder().alias("java_alias").build());
        });
    }

    static void rows(MilvusClientV2 client) {
        step("insert", () -> {
            List<JsonObject> data = new ArrayList<>();
            for (long i = 0; i < 50; i++) data.add(row(i, "title " + i));
            long count = client.insert(InsertReq.builder().collectionName(NAME).data(data).build())
                .getInsertCnt();
            expect(count == 50, count);
        });
        step("upsert", () -> {
            long count = client.upsert(UpsertReq.builder().collectionName(NAME)
                .data(List.of(row(7, "changed"))).build()).getUpsertCnt();
            expect(count == 1, count);
        });
        step("query", () -> {
            var found = client.query(QueryReq.builder().collectionName(NAME)
                .filter("id in [6, 7]").outputFields(List.of("title", "note")).build())
                .getQueryResults();
            expect(found.get(0).getEntity().get("title").equals("title 6"), found);
            expect(found.get(1).getEntity().get("title").equals("changed"), found);
            expect(found.get(1).getEntity().get("note").equals("dynamic 7"), found);
        });
        step("get", () -> {
            int count = client.get(GetReq.builder().collectionName(NAME).ids(List.of(3L, 7777L))
                .build()).getGetResults().size();
            expect(count == 1, count);
        });
        step("query iterator", () -> {
            QueryIterator iterator = client.queryIterator(QueryIteratorReq.builder()
                .collectionName(NAME).expr("id < 35").outputFields(List.of("id")).batchSize(10)
                .build());
            List<Long> seen = new ArrayList<>();
            for (List<QueryResultsWrapper.RowRecord> page = iterator.next(); !page.isEmpty();
                page = iterator.next())
                page.forEach(r -> seen.add((Long) r.get("id")));
            iterator.close();
            expect(seen.size() == 35 && seen.get(34) == 34L, seen);
        });
    }

    static void searches(MilvusClientV2 client) {
        step("search", () -> {
            var found = client.search(SearchReq.builder().collectionName(NAME).data(near(20))
                .annsField("vector").limit(3).outputFields(List.of("title")).build())
                .getSearchResults().get(0);
            expect(new HashSet<>(ids(found)).equals(Set.of(19L, 20L, 21L)), found);
            expect(found.get(0).getScore() == 0, found);
            expect(found.get(0).getEntity().get("title").equals("title 20"), found);
        });
        step("search with a filter", () -> {
            var found = client.search(SearchReq.builder().collectionName(NAME).data(near(20))
                .annsField("vector").limit(2).filter("id > {least}")
                .filterTemplateValues(Map.of("least", 40)).build()).getSearchResults().get(0);
            expect(ids(found).equals(List.of(41L, 42L)), found);
        });
        step("hybrid search", () -> {
            AnnSearchReq one = AnnSearchReq.builder().vectorFieldName("vector").vectors(near(20))
                .limit(5).build();
            var found = client.hybridSearch(HybridSearchReq.builder().collectionName(NAME)
                .searchRequests(Arrays.asList(one, one)).ranker(RRFRanker.builder().k(60).build())
                .limit(3).build()).getSearchResults().get(0);
            expect(found.size() == 3 && ids(found).get(0) == 20L, found);
        });
        step("search iterator", () -> {
            SearchIteratorV2 iterator = client.searchIteratorV2(SearchIteratorReqV2.builder()
                .collectionName(NAME).vectorFieldName("vector").vectors(near(20)).batchSize(10)
                .metricType(IndexParam.MetricType.L2)
                .limit(35).build());
            Set<Long> seen = new HashSet<>();
            for (var page = iterator.next(); !page.isEmpty(); page = iterator.next())
                seen.addAll(ids(page));
            iterator.close();
            expect(seen.size() == 35, seen);
        });
    }

    static void ends(MilvusClientV2 client) {
        step("delete", () -> {
            client.delete(DeleteReq.builder().collectionName(NAME).filter("id >= 10").build());
            Object count = client.query(QueryReq.builder().collectionName(NAME)
                .outputFields(List.of("count(*)")).build()).getQueryResults().get(0).getEntity()
                .get("count(*)");
            expect(((Number) count).longValue() == 10, count);
        });
        step("flush, release, drop", () -> {
            client.flush(FlushReq.builder().collectionNames(List.of(NAME)).build());
            client.releaseCollection(ReleaseCollectionReq.builder().collectionName(NAME).build());
            client.dropCollection(DropCollectionReq.builder().collectionName(NAME).build());
            expect(!client.hasCollection(HasCollectionReq.builder().collectionName(NAME).build()),
                NAME);
        });
    }

    static ConnectConfig as(String address, String password) {
        return ConnectConfig.builder().uri("http://" + address).username("root")
            .password(password).connectTimeoutMs(60000).build();
    }

    public static void main(String[] args) {
        MilvusClientV2 client = new MilvusClientV2(as(args[0], "Milvus"));
        collections(client);
        rows(client);
        searches(client);
        ends(client);
        client.close();
        step("a wrong password",
            () -> refused("auth check failure", () -> new MilvusClientV2(as(args[0], "wrong!"))));
        System.out.println("Java SDK: " + passed + " steps passed, " + failed + " failed");
        System.exit(failed > 0 ? 1 : 0);
    }
}
