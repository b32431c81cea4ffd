//! Three nodes on one database and one NATS, each with a wire of its own to the database.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crewline_testkit::nats::Nats;
use crewline_testkit::postgres::Postgres;
use crewline_testkit::wire::Wire;

use crate::support::{Server, World, until};

/// How many nodes there are.
pub(crate) const NODES: usize = 3;

/// Short lives, so that a fault need not last long; and a stream that is silent for longer than this is at a node that is away.
const SETTINGS: &str = "[nodes]\nlife = \"2s\"\nlookEvery = \"1s\"\n[http]\nheartbeatSeconds = 1\n\
    [webhooks]\nallowNetworks = [\"127.0.0.0/8\"]\n";

/// Makes cursors tell when one goes back, whoever says it.
const WATCH_CURSORS: &str = "CREATE TABLE went_back (participant int8, name text, had int8, has int8);
    CREATE FUNCTION tell_of_going_back() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO public.went_back VALUES (OLD.participant, OLD.name, OLD.seq, NEW.seq); RETURN NEW; END';
    CREATE TRIGGER tell_of_going_back AFTER UPDATE ON crewline.cursor FOR EACH ROW WHEN (NEW.seq < OLD.seq)
        EXECUTE FUNCTION tell_of_going_back()";

/// Where the nodes are; a node that starts again is elsewhere.
#[derive(Clone, Default)]
pub(crate) struct Addresses(Arc<Mutex<Vec<(String, u32)>>>);

impl Addresses {
    /// Where a node is, counted round and round.
    pub(crate) fn of(&self, node: usize) -> String {
        let all = self.0.lock().unwrap();
        all[node % all.len()].0.clone()
    }

    /// The processes of the nodes.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let all = self.0.lock().unwrap();
        all.iter().map(|(_, process)| *process).collect()
    }

    fn put(&self, node: usize, server: &Server) {
        let mut all = self.0.lock().unwrap();
        let entry = (server.url.clone(), server.process.id());
        if node == all.len() {
            all.push(entry);
        } else {
            all[node] = entry;
        }
    }
}

/// A node, and its way to the database.
pub(crate) struct Node {
    pub(crate) wire: Wire,
    store: String,
    pub(crate) server: Option<Server>,
}

/// See the module.
pub(crate) struct Cluster {
    // Nodes end before what they need.
    pub(crate) nodes: Vec<Node>,
    pub(crate) world: World,
    pub(crate) nats: Nats,
    pub(crate) postgres: Postgres,
    pub(crate) database: String,
    pub(crate) addresses: Addresses,
}

impl Cluster {
    /// `None` where PostgreSQL or NATS is not here. No node runs yet.
    pub(crate) fn prepare() -> Option<Self> {
        // Each node may have eleven connections, and commands come beside them.
        let postgres = Postgres::start_with("max_connections = 100", |_| {})?;
        let nats = Nats::start()?;
        let world = World::new();
        let bus = format!("[bus]\nurl = \"{}\"\n", nats.url());
        world.write("crewline.toml", &format!("{SETTINGS}{bus}"));
        let database = postgres.database();
        let node = |_| {
            let wire = Wire::before(postgres.port());
            let store = wire.instead_of(&database, postgres.port());
            let server = None;
            Node {
                wire,
                store,
                server,
            }
        };
        Some(Self {
            nodes: (0..NODES).map(node).collect(),
            world,
            nats,
            postgres,
            database,
            addresses: Addresses::default(),
        })
    }

    /// Starts all nodes; from now on a cursor that goes back is told of.
    pub(crate) fn start(&mut self) {
        for node in 0..NODES {
            self.start_node(node);
        }
        self.postgres.sql(&self.database, WATCH_CURSORS);
    }

    /// Starts a node, and says where it is.
    pub(crate) fn start_node(&mut self, no: usize) {
        self.start_node_by(Path::new(env!("CARGO_BIN_EXE_crewline")), no);
    }

    /// Starts it by another build.
    pub(crate) fn start_node_by(&mut self, program: &Path, no: usize) {
        let node = &mut self.nodes[no];
        let server = self.world.serve_by(program, &["--store", &node.store]);
        self.addresses.put(no, &server);
        node.server = Some(server);
    }

    /// An administrator's command, past all wires.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let all = [args, &["--store", &self.database]].concat();
        self.world.run(&all).ok().line().to_owned()
    }

    pub(crate) fn server(&self, node: usize) -> &Server {
        self.nodes[node].server.as_ref().unwrap()
    }

    /// Whether a node says that it is ready.
    pub(crate) fn is_ready(&self, node: usize) -> Option<bool> {
        status(&self.server(node).url, "/readyz").map(|status| status == 200)
    }

    /// How many nodes have been heard of within the time for which they are believed to be there.
    pub(crate) fn heard_of(&self) -> usize {
        let sql = "SELECT count(*) FROM crewline.node WHERE until > extract(epoch FROM clock_timestamp()) * 1000";
        self.number(sql) as usize
    }

    /// How often the lease of webhooks has changed hands.
    pub(crate) fn turns_of_webhooks(&self) -> i64 {
        self.number("SELECT coalesce(max(token), 0) FROM crewline.lease WHERE name = 'webhooks'")
    }

    /// The schema of the store.
    pub(crate) fn schema(&self) -> i64 {
        self.number("SELECT version FROM crewline.schema_version")
    }

    fn number(&self, sql: &str) -> i64 {
        self.postgres.sql(&self.database, sql)[0].parse().unwrap()
    }

    /// Waits until every node is connected with NATS.
    pub(crate) fn bus_is_there(&self) {
        for node in 0..NODES {
            until("the node is connected with NATS", || {
                let metrics = self.server(node).get("/metrics", "").1;
                let metrics = metrics.as_str().unwrap_or_default();
                metrics.contains("crewline_bus_connected 1\n")
            });
        }
    }

    /// No cursor went back, and the store is whole.
    pub(crate) fn check(&self) {
        let back = self.postgres.sql(&self.database, "SELECT * FROM went_back");
        assert!(back.is_empty(), "cursors went back: {back:?}");
        self.run(&["db", "check"]);
    }
}

/// What a call without credentials is answered; `None` where no answer came in time.
pub(crate) fn status(url: &str, path: &str) -> Option<u16> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let call = http().get(format!("{url}{path}")).send().await;
        call.ok().map(|answer| answer.status().as_u16())
    })
}

/// A client that does not wait for long: another node may be better.
pub(crate) fn http() -> reqwest::Client {
    // An error only says that another test of this process did it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy();
    let client = client.connect_timeout(Duration::from_secs(1));
    client.read_timeout(Duration::from_secs(4)).build().unwrap()
}
