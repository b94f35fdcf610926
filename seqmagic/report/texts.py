"""Every sentence of the page in every language, by key."""

from __future__ import annotations

from collections.abc import Sequence

from seqmagic.insight.labels import ENGLISH, LANGUAGES, label

_TEXTS: dict[str, tuple[str, str]] = {  # in the order of LANGUAGES
    # ------------------------------------------------------------ the page
    "title": ("Inside {runs}", "看進 {runs} 裡面"),
    "lead": (
        "What these recurrent networks do with what they have read, measured on {text}, which they were not "
        "trained on. Every figure has its numbers below it.",
        "這些循環神經網路如何運用讀過的內容：以下皆在 {text} 上測得，模型訓練時沒有讀過這段文字。"
        "每張圖下方都有它的數值。",
    ),
    "part": ("the {part} part of {source}", "{source} 的{part}部分"),
    "validation": ("validation", "驗證"),
    "contents": ("On this page", "本頁內容"),
    "skip": ("Skip to the content", "跳到主要內容"),
    "dark": ("Dark", "深色"),
    "light": ("Light", "淺色"),
    "numbers": ("The numbers", "數值"),
    "how": ("How to read it", "怎麼讀"),
    "wrong": ("What would prove it wrong", "什麼結果會推翻它"),
    "model": ("model", "模型"),
    "characters": ("characters", "字元"),
    "and": (" and ", " 與 "),
    "comma": (", ", "、"),
    "interval": ("95 % interval", "95 % 區間"),
    "footer": (
        "Made with seqmagic {version}. This page is complete in itself: it loads nothing and sends nothing. "
        "It shows excerpts of the text; think of that before you pass it on.",
        "由 seqmagic {version} 製作。本頁自成一體，不載入也不送出任何資料。頁面含有文字的摘錄，分享前請留意。",
    ),
    # ------------------------------------------------------------ claims
    "claims.title": ("Five claims, held against these models", "五個主張，用這些模型檢驗"),
    "claims.lead": (
        "Each verdict is computed from the measurements on this page. “Not supported” is as good an answer as "
        "“supported”.",
        "每個判定都由本頁的測量算出。「不支持」與「支持」同樣是有效的答案。",
    ),
    "verdict.supported": ("supported by these models", "這些模型支持"),
    "verdict.refuted": ("not supported by these models", "這些模型不支持"),
    "verdict.untold": ("can’t be told from these models", "這些模型無法判斷"),
    "claims.one_seed": (
        "One run of each cell: the verdict is about these runs, not about all trainings.",
        "每種單元只有一次訓練：判定只適用於這些訓練，不代表所有訓練。",
    ),
    "claims.see": ("See: {panel}", "參見：{panel}"),
    "far.claim": (
        "A simple RNN can’t carry information far: its gradient shrinks exponentially.",
        "簡單 RNN 傳不遠：它的梯度按指數縮小。",
    ),
    "far.number": (
        "Kept per character: {rnn} in {rnn_run}, {lstm} in {lstm_run}. R² of the exponential: {r2}.",
        "每往前一個字元保留：{rnn_run} 為 {rnn}，{lstm_run} 為 {lstm}。指數擬合的 R²：{r2}。",
    ),
    "far.memory": (
        " 99 % of what context brings comes from the last {rnn} characters in {rnn_run}, from the last {lstm} in "
        "{lstm_run}.",
        " 上下文帶來的好處有 99 % 來自最後幾個字元：{rnn_run} 為 {rnn} 個，{lstm_run} 為 {lstm} 個。",
    ),
    "far.needs": (
        "It takes a run of a simple RNN and one of an LSTM on the same text.",
        "需要同一文字上的一個簡單 RNN 與一個 LSTM。",
    ),
    "carries.claim": (
        "An LSTM’s cell state carries information, and its forget gate decides.",
        "LSTM 的單元狀態負責傳遞資訊，由遺忘門決定。",
    ),
    "carries.number": (
        "Freezing a gate of {run} at its mean costs, in bits per character: forget {keep}, input {write}, output "
        "{read}.",
        "把 {run} 的一個門固定在平均值，每字元的代價（位元）：遺忘門 {keep}，輸入門 {write}，輸出門 {read}。",
    ),
    "carries.needs": ("It takes a run of an LSTM.", "需要一個 LSTM。"),
    "merges.claim": (
        "A GRU merges the forget gate and the input gate: what is kept is not written.",
        "GRU 把遺忘門與輸入門合而為一：保留的就不寫入。",
    ),
    "merges.number": (
        "In {run} the correlation of the input gate with what the forget gate lets go has the median {kappa}: above "
        "0.5 the LSTM has learned by itself what a GRU is built to do.",
        "在 {run} 裡，輸入門與遺忘門放掉的量的相關係數，中位數為 {kappa}："
        "高於 0.5 表示 LSTM 自己學會了 GRU 內建的做法。",
    ),
    "simpler.claim": ("A GRU is simpler than an LSTM and about as good.", "GRU 比 LSTM 簡單，效果差不多。"),
    "simpler.number": (
        "{gru} needs {difference} bits per character more than {lstm} ({interval}), with {ratio} times its parameters.",
        "{gru} 每字元比 {lstm} 多用 {difference} 位元（{interval}），參數為其 {ratio} 倍。",
    ),
    "simpler.needs": (
        "It takes a run of a GRU and one of an LSTM on the same text.",
        "需要同一文字上的一個 GRU 與一個 LSTM。",
    ),
    "attention.claim": ("Attention is the next step: it reaches any distance.", "注意力是下一步：距離再遠也搆得到。"),
    "attention.needs": (
        "These models have no attention. To see it, train tiny models with seqmagic measure recall --with-attention "
        "--json, and give what it prints to --recall.",
        "這些模型沒有注意力。可以用 seqmagic measure recall --with-attention --json 訓練小模型，"
        "再把輸出交給 --recall。",
    ),
    "attention.number": (
        "Over the greatest distance attention is right in {attention}, the other cells in {others}.",
        "在最遠的距離上，注意力答對 {attention}，其他單元為 {others}。",
    ),
    "needs.measurement": ("It was not measured.", "沒有測量。"),
    # ------------------------------------------------------------ losses
    "losses.title": ("How good they are", "它們有多好"),
    "losses.finding": (
        "{best} needs the fewest bits per character, {bits}; the best n-gram, that of {order} characters, "
        "needs {ngram_bits}.",
        "{best} 每字元所需位元最少，為 {bits}；最好的 n-gram（{order} 個字元）需要 {ngram_bits}。",
    ),
    "losses.chart": ("Bits per character of n-grams and of the models", "n-gram 與各模型的每字元位元數"),
    "losses.x": ("characters that the n-gram counts together", "n-gram 一併計數的字元數"),
    "losses.y": ("bits per character", "每字元位元數"),
    "losses.ngrams": ("n-grams", "n-gram"),
    "losses.how": (
        "Lower is better. An n-gram only counts how often characters follow each other; where a model’s level line "
        "meets the curve, that n-gram predicts as well as the model. A model below the whole curve does what "
        "counting of up to twelve characters can’t.",
        "越低越好。n-gram 只統計字元如何相接；模型的水平線與曲線相交之處，就是與它一樣好的 n-gram。"
        "整條曲線都在模型之上，"
        "表示統計十二個以內的字元也做不到。",
    ),
    "losses.wrong": (
        "The intervals of two models overlap, or the order of the models changes with another seed or with equal "
        "numbers of parameters.",
        "兩個模型的區間重疊，或者換一個隨機種子、換成相同參數數量後名次改變。",
    ),
    "losses.parameters": ("parameters", "參數"),
    "losses.state": ("numbers carried", "攜帶的數值"),
    "losses.bits": ("bits per character", "每字元位元數"),
    "losses.versus": ("less best n-gram", "與最佳 n-gram 之差"),
    "losses.order": ("as good as an n-gram of", "相當於 n-gram 階數"),
    "losses.beyond": ("beyond all", "超越全部"),
    "losses.table": ("Losses on {count} characters", "{count} 個字元上的損失"),
    "losses.differences": ("Differences, on the same characters", "同一批字元上的差異"),
    "losses.pair": ("{run} less {to}", "{run} 減 {to}"),
    "losses.difference": ("difference in bits", "位元差"),
    "losses.ngram": ("n-gram of {order}", "{order} 階 n-gram"),
    "losses.interval": ("95 % interval", "95 % 區間"),
    # ------------------------------------------------------------ surprise
    "surprise.title": ("What surprises them", "什麼讓它們意外"),
    "surprise.finding": (
        "On these {count} characters: {means} bits per character. Most apart are {one} and {other} at {character}: "
        "{one_bits} against {other_bits} bits.",
        "在這 {count} 個字元上，每字元位元數為 {means}。{one} 與 {other} "
        "相差最大之處是 {character}：{one_bits} 對 {other_bits} 位元。",
    ),
    "surprise.finding_one": (
        "On these {count} characters: {means} bits per character.",
        "在這 {count} 個字元上，每字元位元數為 {means}。",
    ),
    "surprise.mean": ("{bits} in {run}", "{run} {bits}"),
    "surprise.how": (
        "Each row is the same passage. The darker a character, the more bits it cost the model: 1 bit is an even "
        "chance, each bit more halves it. The steps are the same for all models.",
        "每一列都是同一段文字。顏色越深，這個字元花掉模型越多位元：1 位元是一半機率，每多一位元機率減半。"
        "所有模型用同一組刻度。",
    ),
    "surprise.keys": (
        " Point at a character, or focus a passage and use the arrow keys, for what the model would rather have read.",
        " 指向一個字元，或聚焦一段後按方向鍵，可看模型原本的猜測。",
    ),
    "surprise.wrong": (
        "Another passage shows another order of the models: this one is an example, not a mean. The panel above has "
        "the means.",
        "換一段文字名次就不同：這裡只是一個例子，不是平均。平均請看上一節。",
    ),
    "surprise.legend": ("bits", "位元"),
    "surprise.passage": ("{run}, mean {bits} bits", "{run}，平均 {bits} 位元"),
    "surprise.table": ("Each character", "每個字元"),
    "surprise.place": ("place", "位置"),
    "surprise.character": ("character", "字元"),
    "surprise.rather": ("{run} expected", "{run} 的猜測"),
    # ------------------------------------------------------------ memory
    "memory.title": ("How far back reading helps", "往前讀多遠有用"),
    "memory.finding": (
        "99 % of what context brings comes from the last {parts}.",
        "上下文帶來的好處有 99 % 來自最後：{parts}。",
    ),
    "memory.one": ("{k} characters in {run}", "{run} {k} 個字元"),
    "memory.chart": ("Bits per character by how much was read", "讀了多少與每字元位元數"),
    "memory.x": ("characters read before the prediction", "預測之前讀過的字元數"),
    "memory.window": ("length of a training window: {length}", "訓練視窗長度：{length}"),
    "memory.how": (
        "Each model starts with an empty memory and reads k characters, then predicts; the characters predicted are "
        "the same for all k and all models. Where the line has become level, reading more brings nothing. Shaded: "
        "95 % intervals. Right of the dashed line the model does what it was never trained for.",
        "每個模型從空的記憶開始，讀 k 個字元後預測；所有 k 與所有模型預測的字元都相同。線變平之處，多讀已無幫助。"
        "陰影是 95 % 區間。虛線右側超出訓練時的長度。",
    ),
    "memory.wrong": (
        "The intervals of the 99 % points overlap, or a start from the state of unrelated text gives another picture "
        "than one from nothing.",
        "99 % 位置的區間重疊，或者從無關文字的狀態開始與從空白開始的結果不同。",
    ),
    "memory.table": ("Memory in characters", "以字元計的記憶"),
    "memory.k": ("{share} % within", "{share} % 在內"),
    "memory.effective": ("effective context", "有效上下文"),
    "memory.unlimited": ("bits with all read", "全部讀過的位元數"),
    # ------------------------------------------------------------ gradient
    "gradient.title": ("How fast the gradient vanishes", "梯度消失得多快"),
    "gradient.finding": (
        "One character further back leaves {parts} of the gradient.",
        "每往前一個字元，梯度剩下：{parts}。",
    ),
    "gradient.one": ("{share} % in {run}", "{run} {share} %"),
    "gradient.chart": ("Gradient by distance", "梯度與距離"),
    "gradient.x": ("characters back", "往前的字元數"),
    "gradient.y": ("log10 of the share of the gradient left (median)", "梯度剩餘比例的 log10（中位數）"),
    "gradient.untrained": ("untrained", "未訓練"),
    "gradient.how": (
        "A straight line downwards is an exponential: the same share is lost with each character. Shaded: the middle "
        "80 % of the predictions. Faint: the same models before training. Gradient is not use; read it together with "
        "how far back reading helps.",
        "往下的直線就是指數：每個字元損失相同比例。陰影是中間 80 % 的預測。淡線是訓練前的同樣模型。"
        "有梯度不等於有用；請與「往前讀多遠有用」一起看。",
    ),
    "gradient.wrong": (
        "The intervals of what is kept per character touch each other, or the line of the simple RNN bends.",
        "每字元保留比例的區間相接，或者簡單 RNN 的線會彎。",
    ),
    "gradient.table": ("Kept of the gradient", "梯度的保留"),
    "gradient.rho": ("kept per character", "每字元保留"),
    "gradient.half": ("half life in characters", "半衰期（字元）"),
    "gradient.fresh": ("untrained", "未訓練"),
    "gradient.window": ("from {first} to {last} back", "往前 {first} 到 {last}"),
    "gradient.r2": ("R² of the exponential", "指數擬合 R²"),
    "gradient.power": ("R² of a power law", "冪律擬合 R²"),
    # ------------------------------------------------------------ gates
    "gates.title": ("What the gates do", "各個門在做什麼"),
    "gates.finding": ("Gate timescales in characters: {parts}.", "門的時間尺度（字元）：{parts}。"),
    "gates.one": ("median {median} and at most {most} in {run}", "{run} 中位數 {median}、最長 {most}"),
    "gates.chart": ("{run}: how often each unit’s gates are open and closed", "{run}：每個單位的門多常打開與關閉"),
    "gates.open": ("share of the time open", "打開的時間比例"),
    "gates.closed": ("share of the time closed", "關閉的時間比例"),
    "gates.always": ("always one or the other", "非開即關"),
    "gates.how": (
        "Each dot is a unit. Far right: its gate is nearly always open (above {high}); high up: nearly always closed "
        "(below {low}); on the dotted line it is always one or the other, a switch. A unit whose keep gate is far "
        "right holds what it has. The timescale is how many characters its keep gate alone would hold a value. "
        "Lesions hold one gate at its mean, or at 1: what that costs is what this trained model relies on.",
        "每個點是一個單位。越靠右，門越常打開（高於 {high}）；越靠上，越常關閉（低於 {low}）；"
        "在點線上則非開即關，像個開關。"
        "保留門靠右的單位會守住已有的內容。時間尺度是單靠保留門能把一個值維持多少字元。"
        "「損傷」把一個門固定在平均值或 1：代價就是這個訓練好的模型對它的依賴。",
    ),
    "gates.wrong": (
        "The untrained models stand at the same places, or a lesion of the forget gate costs no more than one of the "
        "others.",
        "未訓練的模型落在同樣的位置，或者損傷遺忘門的代價不比其他門高。",
    ),
    "gates.table": ("Gates, means over units", "門（各單位的平均）"),
    "gates.gate": ("gate", "門"),
    "gates.mean": ("mean", "平均"),
    "gates.low": ("closed", "關閉"),
    "gates.high": ("open", "打開"),
    "gates.fresh_low": ("untrained: closed", "未訓練：關閉"),
    "gates.fresh_high": ("untrained: open", "未訓練：打開"),
    "gates.timescales": ("Gate timescales in characters, and coupling", "門的時間尺度（字元）與耦合"),
    "gates.p10": ("10 % of units below", "10 % 的單位低於"),
    "gates.p50": ("median", "中位數"),
    "gates.p90": ("90 % of units below", "90 % 的單位低於"),
    "gates.p100": ("longest", "最長"),
    "gates.fresh": ("untrained: median", "未訓練：中位數"),
    "gates.coupling": ("correlation of write with 1 − keep", "寫入與 1 − 保留的相關係數"),
    "gates.lesions": ("What it costs to hold a gate", "固定一個門的代價"),
    "gates.layer": ("layer", "層"),
    "gates.to": ("held at", "固定在"),
    "gates.to_mean": ("its mean", "平均值"),
    "gates.to_one": ("1", "1"),
    "gates.cost": ("bits per character more", "每字元多用的位元"),
    "gates.unit": ("unit", "單位"),
    "gates.units": ("Units of the first layer of {run}", "{run} 第一層的單位"),
    "gates.timescale": ("timescale", "時間尺度"),
    # ------------------------------------------------------------ trace
    "trace.title": ("What gates and memory do on a text", "讀一段文字時，門與記憶在做什麼"),
    "trace.finding": ("The units that keep longest here: {parts}.", "這裡保留最久的單位：{parts}。"),
    "trace.one": ("{unit} of {run}, {timescale} characters", "{run} 的 {unit}（{timescale} 個字元）"),
    "trace.ungated": ("{unit} of {run}, which has no gate", "{run} 的 {unit}（沒有門）"),
    "trace.picture": ("{run}: gates and units at each character", "{run}：每個字元上的門與單位"),
    "trace.scale": (
        "stronger is more; units: {state}, two colours for its two signs",
        "越濃越大；單位列為{state}，正負各一色",
    ),
    "trace.unit": ("unit {unit}", "單位 {unit}"),
    "trace.how": (
        "Under each character stands what happened when the model read it: the gates as means over all units, then "
        "the units whose keep gate holds longest (of a simple RNN: those that change least), with what they "
        "carry. A unit whose colour stays over many characters holds something; one that turns at a quote or a line "
        "break follows the text.",
        "每個字元下方是模型讀到它時發生的事：先是各個門（所有單位的平均），"
        "再是保留門守得最久的單位（簡單 RNN 則是變化最小的），"
        "以及它們攜帶的值。顏色連續多個字元不變的單位在守住某樣東西；在引號或換行處翻轉的單位跟著文字走。",
    ),
    "trace.wrong": (
        "On another passage the same units do something else. It is a picture of one passage and proves nothing alone.",
        "換一段文字，同樣的單位做別的事。這只是一段文字的圖像，單憑它不能證明什麼。",
    ),
    # ------------------------------------------------------------ neurons
    "neurons.title": ("What single units tell", "單一單位透露什麼"),
    "neurons.finding": ("Units stand out {parts}.", "突出的單位：{parts}。"),
    "neurons.some": ("in {run} for {features}", "{run} 有（{features}）"),
    "neurons.none": ("in {run} for nothing", "{run} 沒有"),
    "neurons.how": (
        "For each feature of the text so far, the unit that tells most about it, picked on one half of the text and "
        "scored on the other: 0 tells nothing, 1 all. Chance is what the best unit reaches for 95 % of shifted "
        "features. Where a single character tells as much, the unit merely echoes what it read. All units together: "
        "what a linear reading of all of them tells.",
        "對讀到目前為止的每個特徵，找出透露最多的單位：在一半文字上挑選，在另一半上評分，0 表示毫無透露，1 表示完全。"
        "「偶然」是 95 % 的位移特徵下最佳單位的分數。若單憑一個字元就能知道同樣多，該單位只是重複讀到的字元。"
        "「全部單位」是對所有單位做線性讀取的結果。",
    ),
    "neurons.wrong": (
        "The score is no better than chance, or holding the unit at its mean costs the model nothing: then it tells "
        "something that the model doesn’t use.",
        "分數不比偶然高，或者把該單位固定在平均值不影響模型：那它透露的是模型沒有使用的東西。",
    ),
    "neurons.table": ("Units of {run}", "{run} 的單位"),
    "neurons.feature": ("feature", "特徵"),
    "neurons.unit": ("layer, state, unit", "層、狀態、單位"),
    "neurons.score": ("score", "分數"),
    "neurons.null": ("chance", "偶然"),
    "neurons.p": ("p", "p"),
    "neurons.stands_out": ("stands out", "突出"),
    "neurons.yes": ("yes", "是"),
    "neurons.no": ("no", "否"),
    "neurons.alone": ("one character alone", "單憑一個字元"),
    "neurons.probe": ("all units", "全部單位"),
    "neurons.painted": ("{run}, {unit}: {feature}", "{run}，{unit}：{feature}"),
    # ------------------------------------------------------------ errors
    "errors.title": ("Where the bits go", "位元花在哪裡"),
    "errors.finding": ("Most of the bits go to: {parts}.", "位元花得最多的是：{parts}。"),
    "errors.one": ("{name} ({share}) in {run}", "{run} {name}（{share}）"),
    "errors.picture": ("Share of all bits by the class of the character", "各類字元占全部位元的比例"),
    "errors.how": (
        "Every character belongs to one class; a bar is the share of all bits that its class costs the model. Beside "
        "it, in the numbers, stands how the class compares with the best n-gram and with the other models. Below, "
        "the errors (characters that were given less than half of the probability) are put down to the first remedy "
        "in the list that would have helped.",
        "每個字元屬於一類；長條是該類占模型全部位元的比例。數值表中另有與最佳 n-gram 及其他模型的比較。"
        "下方把錯誤（機率不到一半的字元）歸給清單中第一個會有幫助的辦法。",
    ),
    "errors.wrong": (
        "The intervals of the differences include 0, or another order of the remedies puts the errors elsewhere: it "
        "is a simplification of the one of Karpathy, Johnson and Fei-Fei (2015).",
        "差異的區間包含 0，或者換一種次序錯誤就歸到別處：這是 Karpathy、Johnson 與 Fei-Fei（2015）做法的簡化。",
    ),
    "errors.class": ("class", "類別"),
    "errors.share": ("of the characters", "占字元"),
    "errors.bits": ("bits each", "每個的位元"),
    "errors.share_of_bits": ("share of all bits", "占全部位元"),
    "errors.accuracy": ("first guess right", "首猜正確"),
    "errors.versus": ("bits more than {name}", "比 {name} 多的位元"),
    "errors.table": ("Classes of characters, {run}", "字元類別，{run}"),
    "errors.remedy": ("first remedy that would have helped", "第一個會有幫助的辦法"),
    "errors.funnel": ("What the errors come from", "錯誤從何而來"),
    "errors.of_all": ("errors, of all characters", "錯誤占全部字元"),
    # ------------------------------------------------------------ closers
    "closers.title": ("Brackets that have to be closed", "必須關上的括號"),
    "closers.finding": (
        "The right closer is given a probability of {parts}; the best n-gram, of {order} characters, gives it "
        "{probability}.",
        "正確的右括號或引號得到的機率：{parts}；最佳 n-gram（{order} 個字元）給 {probability}。",
    ),
    "closers.one": ("{probability} in {run}", "{run} {probability}"),
    "closers.chart": ("Probability of the right closer by the distance to its opener", "正確右括號的機率與距離"),
    "closers.x": ("characters from the opener to the closer", "從左括號到右括號的字元數"),
    "closers.y": ("probability of the right closer", "正確右括號的機率"),
    "closers.cases": ("cases", "例數"),
    "closers.how": (
        "At the place of each closing bracket or quote: how probable the model thought it. A model that has "
        "forgotten what was opened falls with distance; an n-gram can’t know of an opener further back than its "
        "length. Ranges of distances with fewer than 20 cases have no number.",
        "在每個右括號或引號的位置：模型認為它有多可能。忘了開過什麼的模型會隨距離下降；"
        "n-gram 看不到比自身長度更遠的左括號。"
        ""
        "少於 20 例的距離範圍不給數字。",
    ),
    "closers.wrong": (
        "The shaded intervals overlap at the far distances, or the line of the simple RNN does not fall.",
        "遠距離處的陰影區間重疊，或者簡單 RNN 的線沒有下降。",
    ),
    # ------------------------------------------------------------ recall
    "recall.title": ("Over which distance an answer is found again", "隔多遠還找得回答案"),
    "recall.finding": (
        "Over {distance} characters the right answer is given by {parts}.",
        "隔 {distance} 個字元，答對的比例：{parts}。",
    ),
    "recall.one": ("{cell} in {share}", "{cell} {share}"),
    "recall.chart": ("Share of right answers by distance", "答對的比例與距離"),
    "recall.x": ("characters between the answer and the question", "答案與問題之間的字元數"),
    "recall.y": ("share of right answers (median over seeds)", "答對的比例（各種子的中位數）"),
    "recall.chance": ("guessing", "亂猜"),
    "recall.seeds": ("over seeds", "各種子"),
    "recall.how": (
        "Tiny models of equal size were trained on sequences in which the distance is known; these are not the models "
        "above. Guessing is right in {chance}. Shaded: from the lowest to the highest seed.",
        "在距離已知的序列上訓練的同樣大小的小模型，不是上面的那些模型。"
        "亂猜的答對率是 {chance}。陰影是種子之間的最低到最高。",
    ),
    "recall.wrong": (
        "The curves of the cells lie within each other’s seeds, or more updates bring them together.",
        "各單元的曲線落在彼此種子的範圍內，或者訓練更久後就重合。",
    ),
    # ------------------------------------------------------------ method
    "method.title": ("How it was measured", "如何測量"),
    "method.text": (
        "Everything was measured on {text} ({count} characters, sha256 {sum}), with real text before the first "
        "character that counts. Nothing is said about text that the models write themselves.",
        "全部在 {text}（{count} 個字元，sha256 {sum}）上測量，計入的第一個字元之前都先讀過真實文字。"
        "這裡不談模型自己寫出的文字。",
    ),
    "method.intervals": (
        "Intervals are 95 % of a moving-block bootstrap over neighbouring characters, with the same draws for all "
        "models. They say how sure a figure is for this model and text, not how another training would turn out.",
        "區間是對相鄰字元做移動區塊自助法的 95 %，所有模型用同一組抽樣。它說明這個模型在這段文字上的不確定性，"
        "而不是另一次訓練的結果。",
    ),
    "method.replay": (
        "The networks read again in NumPy; their probabilities differ from the models’ own by at most {error}.",
        "網路在 NumPy 中重新讀過；機率與模型本身最多相差 {error}。",
    ),
    "method.models": ("The models", "模型"),
    "method.cell": ("cell", "單元"),
    "method.layers": ("units", "單位數"),
    "method.trained": ("epochs trained", "訓練輪數"),
    "method.loss": ("validation loss in nats", "驗證損失（nats）"),
    "method.seed": ("seed", "種子"),
    "method.date": ("trained on", "訓練日期"),
    "method.cautions": ("Keep in mind", "請留意"),
    "method.left_out": ("Not measured", "未測量"),
}


_NAMES = {  # of classes, remedies and features, as the documents have them in English
    "word-initial letter": "字首字母",
    "letters 2-3": "第 2、3 個字母",
    "letters 4+": "第 4 個以後的字母",
    "space": "空格",
    "newline": "換行",
    "digit": "數字",
    "closer": "右括號與引號",
    "other punctuation": "其他標點",
    "ideograph": "表意文字",
    "other": "其他",
    "all": "全部",
    "an n-gram of up to 9 characters had it": "9 個字元以內的 n-gram 就會",
    "the word was there in the last 1,000 characters": "該詞在前 1,000 個字元中出現過",
    "the word is rare: up to 5 times in the training part": "罕見詞：訓練部分中最多 5 次",
    "the first letter of a word": "詞的第一個字母",
    "just after a space or punctuation": "緊接在空格或標點之後",
    "none of these": "以上皆非",
    "inside quotes": "引號內",
    "bracket depth": "括號深度",
    "column": "欄位置",
    "indent": "縮排",
    "letters of the word": "詞內第幾個字母",
    "since blank line": "距上個空行",
    "in capitals": "大寫中",
    "in a number": "數字中",
    "in a comment": "註解中",
    "in a URL": "網址中",
}


class Texts:
    """The sentences of one language: `texts("title", runs="lstm")`."""

    def __init__(self, language: str = ENGLISH) -> None:
        self.language = language
        self._number = LANGUAGES.index(language)

    def __call__(self, key: str, **values: object) -> str:
        return _TEXTS[key][self._number].format(**values)

    def label(self, key: str) -> str:
        """What a gate, state or cell is called."""
        return label(key, self.language)

    def named(self, name: str) -> str:
        """A name that documents have in English; itself where this table lacks it."""
        return name if self.language == ENGLISH else _NAMES.get(name, name)

    def listed(self, phrases: Sequence[str]) -> str:
        """ "a, b and c"."""
        *others, last = phrases
        return self("and").join(filter(None, [self("comma").join(others), last]))
