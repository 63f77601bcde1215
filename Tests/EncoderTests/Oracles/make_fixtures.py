"""Makes the binary fixtures of the encoder tests, next to this folder in Fixtures/.

Run by hand: python make_fixtures.py (torch, sentencepiece, safetensors, numpy). The tokenizer is trained first because the
checkpoints have its vocabulary's size. All sentences here are our own.
"""
import collections, io, os, struct, zipfile
import sentencepiece as spm
import torch
from safetensors.torch import save_file

here = os.path.dirname(os.path.abspath(__file__))
out = os.path.join(here, "..", "Fixtures")
LANGUAGES = ["en", "de", "el", "ru", "ja"]

SENTENCES = """
The old lighthouse keeper counted seven ships before breakfast.
My neighbour's parrot learned to imitate the kettle.
Nobody remembered who had painted the kitchen door green.
We measured the river twice and got two different answers.
Please put the small blue box under the large wooden table.
In 1987 the bridge was closed for 12 months.
Der Bäcker verkauft am Samstag auch Nüsse und Äpfel.
Übermorgen fährt der letzte Zug um 23:45 Uhr.
Die Straße ist lang, aber die Aussicht ist schön.
Meine Großmutter strickte sehr große Wollsocken.
Ο γιατρός διάβασε το γράμμα δίπλα στο παράθυρο.
Ο ΔΡΟΜΟΣ ΕΙΝΑΙ ΜΑΚΡΥΣ ΚΑΙ Ο ΗΛΙΟΣ ΖΕΣΤΟΣ.
Η θάλασσα ήταν ήσυχη σήμερα το πρωί.
Кот спит на тёплой печке и ничего не слышит.
Вчера мы купили хлеб, молоко и два яблока.
Старый мост построили ещё до войны.
猫が窓のそばで静かに眠っています。
明日は雨が降るので傘を持って行きます。
駅前の小さな店でりんごを三つ買いました。
L'été dernier, nous avons planté trois cerisiers.
El gato negro duerme debajo de la silla.
Kırmızı kapının önünde iki bisiklet duruyor.
""".strip().split("\n")

TEXTS = SENTENCES + [
    "", " ", "\t\u3000 \u2003", "a", "A", "  The   river  ", "ΟΔΟΣ", "ΣΑΣ ΟΔΟΣ.", "Σ", "ΑΣ'Α ΑΣ' ΑΣ\u00ad", "İSTANBUL", "ISPARTA ıI",
    "STRASSE ẞ ß", "ǅ Ǆ ǆ", "ﬁne ＦＵＬＬ ｗｉｄｔｈ", "ⅣⅤ ②", "नमस्ते दुनिया", "שלום עולם", "مرحبا بالعالم", "ไทย", "한국어 문장",
    "𝔘𝔫𝔦 𐐀𐐁 𞤀", "🙂🙃 emoji 👩‍👩‍👧", "<2de> <MASK> <pad> <unk>", "▁under▁score", "a\u0301 A\u0301 \u00c1", "tab\there\u00a0nbsp\u200bzwsp",
    "\u001ctext\u001f", "\u0085next\u2028", "Ꭰ ꭰ Ა ა", "Ⱥ Ⱦ Ɐ", "Ω K Å", "1,234.56 € 50%", "x" * 300, "the river " * 60, "\ufeffbom",
]


def tokenizer():
    model = io.BytesIO()
    controls = ["<MASK>"] + ["<2%s>" % l for l in LANGUAGES]
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter([s.lower() for s in SENTENCES] * 3), model_writer=model, model_type="bpe", vocab_size=300,
        character_coverage=0.9999, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=controls, minloglevel=2)
    open(os.path.join(out, "tiny.model"), "wb").write(model.getvalue())
    sp = spm.SentencePieceProcessor(model_proto=model.getvalue())
    with open(os.path.join(out, "tokens.tsv"), "w", encoding="utf-8") as f:
        for lower in (1, 0):
            for text in TEXTS:
                stripped = text.strip()
                ids = sp.encode(stripped.lower() if lower else stripped) or [1]
                f.write("%d\t%s\t%s\n" % (lower, text.encode("utf-8").hex(), " ".join(map(str, ids))))
    return sp.get_piece_size()


def state_dict(V, d=8, f=12, layers=1, P=10, n=5, l=4, training=True):
    g = torch.Generator().manual_seed(7)
    s = collections.OrderedDict()

    def add(name, *shape):
        s[name] = torch.randn(*shape, generator=g)

    def linear(name, o, i):
        add(name + ".weight", o, i), add(name + ".bias", o)

    def norm(name, w):
        add(name + ".weight", w), add(name + ".bias", w)

    b = "model.bert."
    add(b + "embedding.word_embedding.embedding.weight", V, d)
    add(b + "embedding.position_embedding.position_embeddings.weight", P + 1, d)
    norm(b + "embedding.layer_norm", d)
    for k in range(layers):
        p = b + "encoder.layer.%d." % k
        for part in ("query", "key", "value"):
            linear(p + "attention.self_attention." + part, d, d)
        linear(p + "attention.output.dense", d, d)
        norm(p + "attention.output.LayerNorm", d)
        linear(p + "intermediate.dense", f, d)
        linear(p + "output.dense", d, f)
        norm(p + "output.LayerNorm", d)
    if training:
        add("model.la_tag_linear.embedding.weight", n, l)
        norm("model.la_tag_linear.layer_norm", l)
        linear("model.transform.dense", l + d, l + d)
        norm("model.transform.LayerNorm", l + d)
        add("model.decoder.decoder.weight", V, l + d)
        linear("alignproj.0", d, d)
        linear("alignproj.3", 128, d)
    return s


def checkpoints(V):
    full = state_dict(V)
    save_file({k: v.contiguous() for k, v in full.items()}, os.path.join(out, "expected.safetensors"))
    bare = collections.OrderedDict(("module." + k, v) for k, v in full.items())
    bare._metadata = collections.OrderedDict([("", {"version": 1}), ("model", {"version": 1})])
    torch.save(bare, os.path.join(out, "bare.pt"))

    # Parameters, transposed and sliced views of shared storages, other types, and things besides the model.
    odd = state_dict(V, training=False)
    keys = list(odd)
    transposed = "model.bert.encoder.layer.0.intermediate.dense.weight"
    odd[transposed] = odd[transposed].t().contiguous().t()
    base = torch.cat([torch.zeros(3), odd[keys[2]], torch.ones(5), odd[keys[3]]])
    odd[keys[2]], odd[keys[3]] = base[3:11], base[16:24]
    odd["model.bert.encoder.layer.0.output.dense.weight"] = odd["model.bert.encoder.layer.0.output.dense.weight"].half()
    odd["model.bert.encoder.layer.0.attention.output.dense.weight"] = odd["model.bert.encoder.layer.0.attention.output.dense.weight"].bfloat16()
    odd["model.bert.encoder.layer.0.attention.output.dense.bias"] = odd["model.bert.encoder.layer.0.attention.output.dense.bias"].double()
    odd["model.bert.encoder.layer.0.output.LayerNorm.weight"] = torch.nn.Parameter(odd["model.bert.encoder.layer.0.output.LayerNorm.weight"])
    save_file({k: v.detach().float().contiguous() for k, v in odd.items()}, os.path.join(out, "expected-nested.safetensors"))
    odd["model.bert.embedding.position_ids"] = torch.arange(11)
    torch.save({"epoch": 3, "loss": 0.25, "note": "ünïcode", "big": -(1 << 40), "done": True, "none": None, "list": [1, (2, 3), "x"],
                "model": odd, "optimizer": {"state": {0: {"step": torch.tensor(4.0), "exp_avg": torch.zeros(2, 2)}}, "param_groups": [{"betas": (0.9, 0.999)}]}},
               os.path.join(out, "nested.pt"), pickle_protocol=4)

    small = state_dict(8, d=4, f=4, P=2, training=False)
    torch.save(small, os.path.join(out, "legacy.pt"), _use_new_zipfile_serialization=False)
    torch.save(small, os.path.join(out, "other-vocabulary.pt"))

    # Two tensors only: small enough for tests that try every prefix and many damaged copies.
    name = "model.bert.embedding.word_embedding.embedding.weight"
    torch.save({name: torch.arange(6.0).reshape(2, 3), "x": torch.ones(2, dtype=torch.float16)}, os.path.join(out, "mini.pt"))

    with zipfile.ZipFile(os.path.join(out, "mini.pt")) as z, zipfile.ZipFile(os.path.join(out, "compressed.pt"), "w", zipfile.ZIP_DEFLATED) as c:
        for entry in z.namelist():
            c.writestr(entry, z.read(entry))
    with zipfile.ZipFile(os.path.join(out, "mini.pt")) as z, zipfile.ZipFile(os.path.join(out, "zip64.pt"), "w") as c:
        for entry in z.namelist():
            with c.open(zipfile.ZipInfo(entry), "w", force_zip64=True) as e:
                e.write(z.read(entry))

    class Evil:
        def __reduce__(self):
            return os.system, ("touch /tmp/ems-was-run",)

    torch.save({name: torch.ones(2, 3), "x": Evil()}, os.path.join(out, "malicious.pt"))


if __name__ == "__main__":
    os.makedirs(out, exist_ok=True)
    checkpoints(tokenizer())
    for n in sorted(os.listdir(out)):
        print(n, os.path.getsize(os.path.join(out, n)))
